"""LinkedIn."""

from __future__ import annotations

from tests.contract.sample import Sample

AUTHOR = "urn:li:organization:5515715"
URN = "urn:li:share:7350000000000000000"
REQUEST = {
    "author": AUTHOR,
    "commentary": "Hello",
    "visibility": "PUBLIC",
    "distribution": {
        "feedDistribution": "MAIN_FEED",
        "targetEntities": [],
        "thirdPartyDistributionChannels": [],
    },
    "lifecycleState": "PUBLISHED",
    "isReshareDisabledByAuthor": False,
}
SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    settings={"author": AUTHOR},
    request=REQUEST,
    created=(201, None),
    created_headers={"x-restli-id": URN},
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
)
