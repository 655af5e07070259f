from dagsmith.data.errors import DatasetError, nearest


def test_nearest_ignores_case_and_lists_what_there_is_where_nothing_is_close() -> None:
    assert nearest("Lable", ["user", "label"]) == "; did you mean 'label'?"
    assert nearest("LABEL", ["user", "label"]) == "; did you mean 'label'?"
    assert nearest("zzz", ["user", "label"]) == "; there are: user, label"
    assert nearest("zzz", [str(i) for i in range(20)]).endswith("10, 11, ...")
    assert nearest("zzz", []) == ""


def test_a_dataset_error_is_a_value_error() -> None:
    assert issubclass(DatasetError, ValueError)
