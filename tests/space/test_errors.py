from dagsmith.space.errors import nearest


def test_case_does_not_matter() -> None:
    assert nearest("Lable", ["user", "label"]) == "did you mean 'label'?"
    assert nearest("LABEL", ["user", "Label"]) == "did you mean 'Label'?"


def test_without_a_near_name_it_lists_what_there_is() -> None:
    assert nearest("zzz", ["left", "dense"]) == "expected one of dense, left"
    assert nearest("zzz", [chr(97 + i) for i in range(20)]).endswith("k, l, ...")
    assert nearest("zzz", []) == "there is none"
