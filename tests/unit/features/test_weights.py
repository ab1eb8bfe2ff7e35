"""Weights: downloaded, from a file, or seeded; what is refused and in which words."""

import hashlib
import http.server
import json
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
import torch
import torchvision

from chronovision.errors import UserError
from chronovision.features import weights
from chronovision.features.weights import fetch_weights, tensors_digest
from support.tiers import moderate_after

CONV_ONLY = ["conv2", "pool5"]


def network(asked, layers=CONV_ONLY, model="alexnet"):
    return {"model": model, "weights": str(asked), "layers": list(layers)}


@pytest.fixture(scope="module")
def full_state():
    torch.manual_seed(3)
    return torchvision.models.alexnet().state_dict()


@pytest.fixture
def fetch(tmp_path):
    def run(asked, layers=CONV_ONLY, model="alexnet", seed=0):
        pth, facts = tmp_path / "out" / "w.pth", tmp_path / "out" / "w.json"
        fetch_weights(network(asked, layers, model), seed, pth, facts)
        return torch.load(pth, weights_only=True), json.loads(facts.read_text()), pth

    return run


@pytest.fixture
def refused(fetch, tmp_path):
    def run(*words, **options):
        with pytest.raises(UserError) as error:
            fetch(**options)
        assert all(word in str(error.value) for word in words), str(error.value)
        assert "\n" not in str(error.value)
        assert not list(tmp_path.glob("out/*"))

    return run


@pytest.fixture
def served(tmp_path, monkeypatch, full_state):
    """Torchvision's weights on a server of this machine, and an empty cache of torch hub.

    Without the classifier, which is 230 MB of them.
    """
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    plain = tmp_path / "plain.pth"
    base = {name: value for name, value in full_state.items() if name.startswith("features")}
    torch.save(base, plain)
    sha256 = hashlib.sha256(plain.read_bytes()).hexdigest()
    file = plain.rename(tmp_path / f"alexnet-{sha256[:8]}.pth")
    monkeypatch.setattr(weights, "weights_url", lambda model: file.as_uri())
    return file


@pytest.mark.moderate
def test_untrained_is_seeded_and_independent_of_the_layers(fetch):
    few, facts, pth = fetch("untrained", ["conv2"])
    bytes_before = pth.read_bytes()
    again, _, _ = fetch("untrained", ["conv2"])
    assert pth.read_bytes() == bytes_before
    state = torch.get_rng_state()
    more, _, _ = fetch("untrained", ["conv2", "fc6"])
    assert torch.equal(state, torch.get_rng_state())
    other, other_facts, _ = fetch("untrained", ["conv2"], seed=1)
    assert set(few) < set(more)
    assert all(torch.equal(few[name], more[name]) for name in few)
    assert not torch.equal(few["features.0.weight"], other["features.0.weight"])
    assert facts["sha256"] != other_facts["sha256"]
    expected = {"model": "alexnet", "source": "untrained", "asked": "untrained", "trained": False}
    assert {**facts, **expected, "origin": None, "reason": None, "seed": 0} == facts
    assert other_facts["seed"] == 1
    assert not pth.stat().st_mode & 0o111 and tensors_digest(again) == facts["sha256"]


@pytest.mark.moderate
def test_batch_normalisation_s_statistics_are_kept(fetch):
    state, _, _ = fetch("untrained", ["pool1"], model="vgg11_bn")
    assert set(state) == {
        *("features.0.weight", "features.0.bias", "features.1.weight", "features.1.bias"),
        *("features.1.running_mean", "features.1.running_var"),
    }


def test_digest_covers_names_shapes_dtypes_and_values():
    tensor = torch.arange(6, dtype=torch.float32)
    variants = [
        {"a": tensor},
        {"b": tensor},
        {"a": tensor.view(2, 3)},
        {"a": tensor.view(torch.int32)},
        {"a": tensor + 1},
        {"a": tensor, "b": tensor},
    ]
    assert len({tensors_digest(variant) for variant in variants}) == len(variants)
    assert tensors_digest({"a": tensor, "b": tensor}) == tensors_digest({"b": tensor, "a": tensor})


@pytest.mark.parametrize("wrapped", moderate_after(1, [False, True]))
def test_file_of_a_convolutional_base(fetch, refused, tmp_path, full_state, wrapped):
    base = {name: value for name, value in full_state.items() if name.startswith("features")}
    file = tmp_path / "base.pth"
    torch.save({"state_dict": base, "epoch": 3} if wrapped else base, file)
    state, facts, pth = fetch(file)
    assert all(torch.equal(value, full_state[name]) for name, value in state.items())
    assert (facts["source"], facts["trained"], facts["origin"]) == ("file", True, str(file))
    assert facts["seed"] is None
    pth.unlink()
    pth.with_suffix(".json").unlink()
    words = "layer fc7 needs classifier.1.weight", "base.pth", "a convolutional base only?"
    refused(*words, asked=file, layers=["pool5", "fc7"])
    fc6 = {name: full_state[name] for name in ("classifier.1.weight", "classifier.1.bias")}
    torch.save(base | fc6, file)
    refused("layer fc7 needs classifier.4.weight", asked=file, layers=["fc6", "fc7"])


@pytest.mark.moderate
def test_the_operations_of_the_layers_are_recorded(fetch):
    few, more = (fetch("untrained", layers)[1]["gflop"] for layers in (["conv1"], ["conv1", "fc8"]))
    assert few == pytest.approx(2 * 64 * 55 * 55 * 3 * 11 * 11 / 1e9)
    assert more == pytest.approx(1.428, abs=0.001)


@pytest.mark.moderate
def test_only_what_is_needed_is_written(fetch, tmp_path, full_state):
    file = tmp_path / "full.pth"
    torch.save(full_state, file)
    state, _, pth = fetch(file, ["conv1"])
    assert set(state) == {"features.0.weight", "features.0.bias"}
    assert pth.stat().st_size < 120_000  # 64·3·11·11 floats and a header, no shared storage


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("contents", [Malicious(), {"features.0.weight": Malicious()}])
def test_code_in_a_file_is_never_run(refused, tmp_path, monkeypatch, contents):
    monkeypatch.chdir(tmp_path)
    torch.save(contents, tmp_path / "bad.pth")
    refused("bad.pth", "more than tensors", asked=tmp_path / "bad.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.moderate
def test_files_that_are_no_state_dict(refused, tmp_path, full_state):
    refused("nowhere.pth", "not a file", "untrained", asked=tmp_path / "nowhere.pth")
    refused("not a file", asked=tmp_path)
    refused("not a file", asked="imagnet")
    file = tmp_path / "odd.pth"
    for contents in (b"", b"hello", b"\x80\x04\x95", b"PK\x03\x04" + bytes(100), bytes(5000)):
        file.write_bytes(contents)
        refused("odd.pth", asked=file)
    torch.save(full_state, file)
    file.write_bytes(file.read_bytes()[:100_000])
    refused("odd.pth", "damaged", asked=file)
    torch.save([1, 2], file)
    refused("odd.pth", "no state dict", asked=file)
    torch.save({"features.0.weight": 3}, file)
    refused("features.0.weight", "tensor", asked=file)


@pytest.mark.moderate
def test_tensors_that_do_not_fit(refused, tmp_path, full_state):
    file = tmp_path / "w.pth"

    def save(**changes):
        torch.save({**full_state, **{f"features.0.{k}": v for k, v in changes.items()}}, file)

    save(weight=torch.zeros(64, 3, 3, 3))
    refused("features.0.weight", "(64, 3, 3, 3)", "(64, 3, 11, 11)", asked=file)
    save(bias=torch.full((64,), torch.nan))
    refused("features.0.bias", "not finite", asked=file)
    save(bias=torch.zeros(64, dtype=torch.int64))
    refused("features.0.bias", "int64", asked=file)
    save(bias=torch.zeros(64).to_sparse())
    refused("features.0.bias", "plain tensor", asked=file)
    refused("conv1_1", "network.layers", asked=file, layers=["conv1_1"])
    torch.save(torchvision.models.squeezenet1_1().state_dict(), file)
    refused("alexnet", asked=file)


def test_half_precision_files_are_read(fetch, tmp_path, full_state):
    torch.save({k: v.half() for k, v in full_state.items()}, tmp_path / "half.pth")
    state, _, _ = fetch(tmp_path / "half.pth")
    assert {value.dtype for value in state.values()} == {torch.float32}


@pytest.mark.moderate
def test_download_is_checked_and_cached(fetch, served, full_state, tmp_path):
    state, facts, _ = fetch("imagenet")
    assert torch.equal(state["features.0.weight"], full_state["features.0.weight"])
    assert (facts["source"], facts["trained"], facts["origin"]) == (
        "imagenet",
        True,
        served.as_uri(),
    )
    assert (tmp_path / "hub/hub/checkpoints" / served.name).exists()
    served.unlink()
    _, facts, _ = fetch("auto")
    assert (facts["source"], facts["asked"], facts["reason"]) == ("imagenet", "auto", None)


@pytest.mark.moderate
def test_download_with_a_wrong_hash(refused, served):
    served.write_bytes(served.read_bytes() + b"x")
    refused("hash", served.name, asked="imagenet")


@pytest.mark.moderate
def test_damaged_cache(refused, served, tmp_path):
    cached = tmp_path / "hub/hub/checkpoints" / served.name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a file")
    refused("damaged", str(cached), "delete it", asked="imagenet")


@pytest.mark.moderate
@pytest.mark.parametrize(
    "failure", [urllib.error.URLError("no route to host"), TimeoutError("timed out")]
)
def test_no_network(fetch, refused, monkeypatch, tmp_path, failure, caplog):
    timeouts = []

    def urlopen(*_args, **_options):
        timeouts.append(socket.getdefaulttimeout())
        raise failure

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(torch.hub, "urlopen", urlopen)
    place = tmp_path / "hub/hub/checkpoints/alexnet-owt-7be5be79.pth"
    url = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
    reason = re.search("no route|timed out", str(failure)).group()
    refused(url, reason, str(place), "network.weights", asked="imagenet")
    assert timeouts == [weights.TIMEOUT_S] and socket.getdefaulttimeout() is None
    _, facts, _ = fetch("auto")
    assert (facts["source"], facts["trained"]) == ("untrained", False)
    assert reason in facts["reason"] and "UNTRAINED" in caplog.text


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Answers to one request each, on this machine; what was asked for is noted."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["User-Agent"]))
            if self.path == "/silent.pth":
                time.sleep(2)
            self.send_response(200 if self.path == "/there.pth" else 404)
            self.send_header("Content-Length", str(10**9))
            self.end_headers()

        def log_message(self, *_words):
            pass

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "*")
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    made.asked, made.url = asked, f"http://127.0.0.1:{made.server_port}"
    yield made
    made.shutdown()
    made.server_close()


def test_whether_a_server_has_the_weights_is_asked_in_seconds(server, monkeypatch, tmp_path):
    """Without downloading: this server promises a gigabyte and sends none of it."""
    assert weights.why_unreachable(f"{server.url}/there.pth") is None
    assert "404" in weights.why_unreachable(f"{server.url}/gone.pth")
    assert server.asked == [("/there.pth", "torch.hub"), ("/gone.pth", "torch.hub")]
    assert "refused" in weights.why_unreachable("http://127.0.0.1:9/w.pth")
    monkeypatch.setattr(weights, "ANSWER_S", 0.3)
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="no answer within 0.3 s"):
        weights.why_unreachable(f"{server.url}/silent.pth")
    assert time.monotonic() - begin < 1.5
    # The search for an address knows no time limit.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: time.sleep(2))
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="no answer within 0.3 s"):
        weights.why_unreachable("https://nowhere.invalid/w.pth")
    assert time.monotonic() - begin < 1.5


@pytest.mark.moderate
def test_weights_in_the_cache_need_no_server(served, tmp_path):
    cached = weights.hub_file(served.as_uri())
    cached.parent.mkdir(parents=True)
    cached.write_bytes(served.read_bytes())
    served.unlink()
    assert weights.why_unreachable(served.as_uri()) is None
    cached.write_bytes(b"half a file")
    assert "is damaged" in weights.why_unreachable(served.as_uri())


@pytest.mark.moderate
def test_older_names_of_tensors(fetch, tmp_path):
    state = torchvision.models.densenet121().state_dict()
    old = {re.sub(r"\.(norm|conv)([12])\.", r".\1.\2.", name): v for name, v in state.items()}
    assert set(old) != set(state)
    torch.save(old, tmp_path / "old.pth")
    found, _, _ = fetch(tmp_path / "old.pth", ["features.denseblock1"], model="densenet121")
    assert all(torch.equal(value, state[name]) for name, value in found.items())
