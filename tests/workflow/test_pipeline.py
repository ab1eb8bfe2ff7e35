def test_x(finished):
    print(finished)
    assert 0
