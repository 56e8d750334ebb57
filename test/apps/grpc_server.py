"""The service of grpc-server.ts on Google's C core."""
import hashlib
import os
import signal
import time
from concurrent import futures

import grpc


def obey(context):
    """Does what the metadata asks for; True when the call shall go on to its answer."""
    wanted = dict(context.invocation_metadata())
    initial = [("caller", wanted.get("remora-client-id", ""))]
    if "echo-initial" in wanted:
        initial.append(("echo-initial", wanted["echo-initial"]))
    context.send_initial_metadata(initial)
    if "echo-trailing-bin" in wanted:
        context.set_trailing_metadata(
            [("echo-trailing-bin", wanted["echo-trailing-bin"])]
        )
    time.sleep(int(wanted.get("want-sleep", 0)) / 1000)
    if "want-status" in wanted:
        codes = {code.value[0]: code for code in grpc.StatusCode}
        code = codes[int(wanted["want-status"])]
        context.abort(code, wanted.get("want-message", ""))


def unary(request, context):
    obey(context)
    return request


def client_stream(requests, context):
    obey(context)
    digest, count = hashlib.sha256(), 0
    for message in requests:
        digest.update(message)
        count += 1
    return f"{count} {digest.hexdigest()}".encode()


def server_stream(request, context):
    obey(context)
    count, size, pause = (int(word) for word in request.decode().split(" "))
    for number in range(count):
        time.sleep(pause / 1000)
        yield bytes([number % 251]) * size


def bidi(requests, context):
    obey(context)
    yield from requests


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
}
port = os.environ.get("PORT", "9091")
server = grpc.server(
    futures.ThreadPoolExecutor(max_workers=32),
    options=[("grpc.max_receive_message_length", 64 << 20)],
)
server.add_generic_rpc_handlers(
    (grpc.method_handlers_generic_handler("test.Echo", handlers),)
)
server.add_insecure_port(f"0.0.0.0:{port}")
server.start()
print(f"grpc_server listens on {port}", flush=True)
signal.signal(signal.SIGTERM, lambda *_: server.stop(0))
server.wait_for_termination()
