"""The phones there are. The figures are plausible, not those of any product."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.support.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ProfileCluster:
    """Equal cores. `speed` is work a second at the highest clock; 1 is a big core of the pixel."""

    cores: int
    min_khz: int
    max_khz: int
    speed: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One phone; clusters from the slowest, as Android numbers them."""

    name: str
    model: str
    soc: str
    android: str
    api: int
    abi: str
    ram_kb: int
    clusters: tuple[ProfileCluster, ...]

    @property
    def cores(self) -> int:
        return sum(cluster.cores for cluster in self.clusters)

    def cluster_of(self, core: int) -> int:
        """Index of the cluster that `core` belongs to."""
        for index, cluster in enumerate(self.clusters):
            if core < cluster.cores:
                return index
            core -= cluster.cores
        raise ValueError("no such core")

    def first_core(self, cluster: int) -> int:
        """Number of the first core of the cluster."""
        return sum(slower.cores for slower in self.clusters[:cluster])


_ALL = (
    Profile(
        name="pixel",
        model="Virtual Pixel",
        soc="Virtual G3",
        android="14",
        api=34,
        abi="arm64-v8a",
        ram_kb=7_812_500,
        clusters=(
            ProfileCluster(cores=4, min_khz=324_000, max_khz=1_704_000, speed=0.3),
            ProfileCluster(cores=3, min_khz=402_000, max_khz=2_367_000, speed=0.85),
            ProfileCluster(cores=1, min_khz=500_000, max_khz=2_914_000, speed=1.0),
        ),
    ),
    Profile(
        name="flagship",
        model="Virtual Flagship",
        soc="Virtual Elite",
        android="15",
        api=35,
        abi="arm64-v8a",
        ram_kb=11_718_750,
        clusters=(
            ProfileCluster(cores=6, min_khz=384_000, max_khz=3_532_800, speed=1.3),
            ProfileCluster(cores=2, min_khz=1_017_600, max_khz=4_320_000, speed=1.9),
        ),
    ),
    Profile(
        name="budget",
        model="Virtual Budget",
        soc="Virtual B23",
        android="9",
        api=28,
        abi="arm64-v8a",
        ram_kb=2_929_688,
        clusters=(
            ProfileCluster(cores=4, min_khz=400_000, max_khz=1_500_000, speed=0.2),
            ProfileCluster(cores=4, min_khz=400_000, max_khz=2_000_000, speed=0.27),
        ),
    ),
    Profile(
        name="tablet",
        model="Virtual Tablet",
        soc="Virtual T8",
        android="13",
        api=33,
        abi="arm64-v8a",
        ram_kb=3_906_250,
        clusters=(ProfileCluster(cores=8, min_khz=614_400, max_khz=1_804_800, speed=0.35),),
    ),
)

PROFILES = {profile.name: profile for profile in _ALL}


def profile_named(name: str) -> Profile:
    """Raises UserError for a name that is none of PROFILES."""
    if name not in PROFILES:
        raise UserError(f"no such profile: {name!r}: choose from {', '.join(PROFILES)}")
    return PROFILES[name]
