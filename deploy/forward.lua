-- Orthanc sends every complete study with PET to the node; results, which have none of their own, do not come back again.
function OnStableStudy(studyId, tags, metadata)
  for _, series in ipairs(ParseJson(RestApiGet('/studies/' .. studyId .. '/series'))) do
    local modality = series['MainDicomTags']['Modality']
    if modality == 'CT' or modality == 'PT' then
      RestApiPost('/modalities/cipa/store', series['ID'])
    end
  end
end
