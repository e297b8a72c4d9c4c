# %% [markdown]
# # From three patients to a report
#
# Three studies with outlined tumours become a trained network, a score and a report: what [Train on your
# own data](../start/train.md) does on the command line, here in Python. The patients are phantoms, so it
# needs no data and takes a minute or two on two cores. Replace the first step by your own studies.

# %%
import sys
from pathlib import Path

from cipa import Predictor
from cipa.data.convert import Recipe, SplitRule, convert_volumes, find_triples
from cipa.data.pclt20k import PCLT20K, patient_of, read_ids
from cipa.data.spacing import find_spacings
from cipa.evaluation.patient import PatientProtocol
from cipa.phantom.study import write_phantom_studies
from cipa.report.evaluation import evaluate
from cipa.report.study import write_study_report
from cipa.training import (
    NetworkRecipe,
    OptimisationRecipe,
    RunningRecipe,
    TrainRecipe,
    ValidationRecipe,
    train,
)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "three-patients")

# %% [markdown]
# ## Three studies
#
# Each is a CT and a PET as two DICOM series, with the tumours as NIfTI on the CT's grid.

# %%
write_phantom_studies(out / "drawn", 3, seed=2, size=128)

# %% [markdown]
# ## Convert
#
# `find_triples` pairs CT, PET and mask by what the `*` stands for, the patient; a DICOM study holds both CT
# and PET. All slices are written, so that the network learns what a slice without tumour looks like. The
# last patient is for testing.

# %%
triples = find_triples(out / "drawn", "studies/*", "studies/*", "truth/*.nii.gz")
conversion = convert_volumes(triples, out / "data", Recipe(size=128), SplitRule(last=1))
print(f"{len(conversion.records)} patients converted")

# %% [markdown]
# ## Train
#
# The recipe is data: `TrainRecipe()` is the published one, and every field has a flag of `cipa train`. A
# network that starts at random wants a higher learning rate than the published 6e-5, which supposes
# ImageNet weights. With two patients to learn from nobody is held out.

# %%
recipe = TrainRecipe(
    network=NetworkRecipe(model="nano"),
    optimisation=OptimisationRecipe(epochs=10, batch_size=4, micro_batch=4, lr=2e-3, warmup_steps=10),
    validation=ValidationRecipe(validation="none"),
    running=RunningRecipe(device="cpu", workers=0),
)
result = train(recipe, out / "data", out / "run", silent=True)
print(f"{result.step} steps; weights are in {result.run / 'last'}")

# %% [markdown]
# ## Score it on the patient it has not seen
#
# Under the published protocol, pixels pooled, and under the patient protocol, in 3-D and mm. After ten
# epochs on two phantoms the number says that the loop works, nothing else.

# %%
predictor = Predictor(out / "run", device="cpu")
ids = read_ids(out / "data", "test")
patients = PatientProtocol(find_spacings(out / "data", [patient_of(one) for one in ids]))
scores = evaluate(predictor, PCLT20K(out / "data", ids, 128), out / "test", patients=patients)
print(f"pooled Dice {scores.dice:.3f}, 3-D Dice {patients.result().patients[0]['dice']:.3f}")

# %% [markdown]
# ## A report
#
# The same network on the whole study: mask, probability, measured lesions, DICOM objects, and the report.

# %%
found = predictor.predict(out / "drawn" / "studies" / "0003")
found.save(out / "result", also=[write_study_report])
print(f"{found.lesion_count} lesions, {found.mtv_ml:.1f} mL; open {out / 'result' / 'report.html'}")
