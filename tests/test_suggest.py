from cipa.suggest import suggestion


def test_the_word_most_alike_is_suggested_whatever_its_case():
    assert suggestion("trian", ["demo", "train", "predict"]) == "; did you mean train?"
    assert suggestion("Predcit", ["demo", "train", "predict"]) == "; did you mean predict?"


def test_nothing_is_suggested_for_a_word_like_none():
    assert suggestion("fly", ["demo", "train", "predict"]) == ""
