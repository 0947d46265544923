"""TikTok: requests and documented answers.

Recordings follow https://developers.tiktok.com/doc/ {content-posting-api-reference-direct-post,
content-posting-api-reference-photo-post, content-posting-api-reference-query-creator-info,
content-posting-api-reference-get-video-status, content-posting-api-media-transfer-guide, tiktok-api-v2-video-list,
tiktok-api-v2-get-user-info, tiktok-api-v2-error-handling, oauth-user-access-token-management, oauth-error-handling}.
"""

from __future__ import annotations

from tests.contract.sample import Sample

SAMPLE = Sample(
    credentials={"access_token": "secret-access"},
    request={
        "path": "/v2/post/publish/video/init/",
        "body": {
            "post_info": {"privacy_level": "SELF_ONLY", "title": "Hello"},
            "source_info": {
                "source": "FILE_UPLOAD",
                "video_size": 12,
                "chunk_size": 12,
                "total_chunk_count": 1,
            },
        },
        "last_chunk": {"first": 0, "length": 12, "type": "video/mp4"},
    },
    handles={
        "publish_id": "v_pub_file~v2-1.123",
        "upload_url": "https://open-upload.tiktokapis.com/video/?upload_id=6&upload_token=secret-X",
        "offset": 0,
    },
    created=(201, None),
    renewable={"access_token": "secret-access", "refresh_token": "secret-refresh"},
    plain=None,
    options={"privacy_level": "SELF_ONLY"},
    attachment=("cat.mp4", "video/mp4"),
    body=None,
    file_bytes=b"bytes of cat",
    names_it_later=True,
)
