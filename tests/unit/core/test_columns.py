"""Which columns of a table stand for a layer."""

from chronovision.core.columns import COUNT, SALIENT, THRESHOLD, change_layers, layer_columns

#: One is called as the count of another.
LAYERS = ["pool1", "features.3", "odd", "odd_count"]


def test_each_layer_is_found_by_an_ending_in_the_order_of_the_table():
    endings = (THRESHOLD, SALIENT, COUNT)
    header = ["frame", "time_s", *(f"{layer}{ending}" for layer in LAYERS for ending in endings)]
    for ending in endings:
        assert list(layer_columns(header, ending).items()) == [
            (layer, f"{layer}{ending}") for layer in LAYERS
        ]


def test_changes_stand_under_the_layers_names():
    assert change_layers(["frame", "source_frame", "time_s", *LAYERS]) == LAYERS
