# Starts Phoenix with its gRPC port on loopback. Phoenix has PHOENIX_HOST for its HTTP port, but
# listens for gRPC on every interface, with no setting for it.
import sys

from grpc.aio import _server

add_port = _server.Server.add_insecure_port
_server.Server.add_insecure_port = lambda self, address: add_port(self, address.replace("[::]", "127.0.0.1"))

from phoenix.server.main import main  # noqa: E402

sys.argv = ["phoenix", "serve"]
main()
