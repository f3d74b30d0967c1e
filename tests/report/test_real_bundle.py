"""What `build` keeps for a report: the cost of each layer, and what int8 costs the answers."""

from __future__ import annotations

from pathlib import Path

from deploy.report.sources import read_sources
from deploy.report.write import read_report, write_page


def test_layers_add_up_and_parts_are_ranked(phone_bundle: Path, tmp_path: Path) -> None:
    (bundle,) = read_sources([phone_bundle]).bundles.values()
    proofs, network = bundle.proofs, bundle.manifest.network
    assert proofs is not None
    assert sum(layer.macs for layer in proofs.layers) == network.macs
    assert sum(layer.params for layer in proofs.layers) == network.params
    kinds = [layer.kind for layer in proofs.layers]
    assert kinds.count("depthwise") == kinds.count("pointwise") == 13
    shares = [part.share for part in proofs.int8_parts]
    assert shares == sorted(shares, reverse=True)
    assert 0.5 < sum(shares) <= 1
    int8 = next(one for one in bundle.manifest.artifacts if one.precision == "int8")
    # Told by the nodes of its program, while parts are told by layers.
    assert any(part.in_float for part in proofs.int8_parts) == bool(int8.operators.float_on_purpose)
    write_page(read_report([phone_bundle]), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f"<tr><th>{layer.name or layer.kind}<td>" in page for layer in proofs.layers)
