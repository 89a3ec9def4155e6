"""An RTSP server of GStreamer's: run by the system's Python, which has its bindings. Prints its port, then serves.

/usr/bin/python3 tests/support/gst_rtsp_server.py CLIP.ts
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( filesrc location={sys.argv[1]} ! tsdemux ! h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96 )"
)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)  # noqa: T201 - what it is asked
GLib.MainLoop().run()
