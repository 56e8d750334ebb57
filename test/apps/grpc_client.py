"""The questions of grpc-client.ts, asked by Google's C core; prints one JSON object: question -> "ok" or what was wrong."""
import hashlib
import json
import sys
import threading

import grpc

target, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
channel = grpc.insecure_channel(
    target, options=[("grpc.max_receive_message_length", 64 << 20)]
)
unary = channel.unary_unary("/test.Echo/Unary")
client_stream = channel.stream_unary("/test.Echo/ClientStream")
server_stream = channel.unary_stream("/test.Echo/ServerStream")
bidi = channel.stream_stream("/test.Echo/Bidi")


def expect(actual, wanted):
    if actual != wanted:
        raise AssertionError(f"{str(actual)[:100]} is not {str(wanted)[:100]}")


def fails_with(work, code):
    try:
        work()
    except grpc.RpcError as error:
        expect(error.code(), code)
        return error
    raise AssertionError(f"ended well, not with {code}")


def empty_unary():
    expect(unary(b"", timeout=20), b"")


def large_unary():
    message = b"remora " * 430_000
    expect(unary(message, timeout=20) == message, True)


def client_streaming():
    messages = [bytes([size % 251]) * size for size in (27182, 8, 1828, 45904)]
    digest = hashlib.sha256(b"".join(messages)).hexdigest()
    expect(client_stream(iter(messages), timeout=20), f"4 {digest}".encode())


def server_streaming():
    messages = list(server_stream(b"200 5000 0", timeout=20))
    expect(len(messages), 200)
    for index, message in enumerate(messages):
        expect(message, bytes([index % 251]) * 5000)


def ping_pong():
    turn = threading.Semaphore(1)
    messages = [bytes([size % 251]) * size for size in (31415, 9, 2653, 58979)]

    def ask():
        for message in messages:
            turn.acquire()
            yield message

    replies = []
    for reply in bidi(ask(), timeout=20):
        replies.append(reply)
        turn.release()
    expect(replies, messages)


def empty_stream():
    expect(list(bidi(iter(()), timeout=20)), [])


def status_and_message():
    metadata = (("want-status", "2"), ("want-message", "plain words"))
    error = fails_with(
        lambda: unary(b"x", metadata=metadata, timeout=20), grpc.StatusCode.UNKNOWN
    )
    expect(error.details(), "plain words")


def custom_metadata():
    raw = bytes([0, 0xAB, 0xFF, 10, 13, 44])
    metadata = (("echo-initial", "initial value"), ("echo-trailing-bin", raw))
    _, call = unary.with_call(b"x", metadata=metadata, timeout=20)
    expect(dict(call.initial_metadata()).get("echo-initial"), "initial value")
    expect(dict(call.trailing_metadata()).get("echo-trailing-bin"), raw)


def timeout_on_sleeping_server():
    fails_with(
        lambda: unary(b"x", metadata=(("want-sleep", "3000"),), timeout=0.1),
        grpc.StatusCode.DEADLINE_EXCEEDED,
    )


def cancel_after_first_response():
    call = server_stream(b"1000 100 20", timeout=20)
    next(call)
    call.cancel()
    fails_with(lambda: list(call), grpc.StatusCode.CANCELLED)


def unimplemented_method():
    method = channel.unary_unary("/test.Echo/Nothing")
    fails_with(lambda: method(b"x", timeout=20), grpc.StatusCode.UNIMPLEMENTED)


answers = {}
for question in (
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    status_and_message,
    custom_metadata,
    timeout_on_sleeping_server,
    cancel_after_first_response,
    unimplemented_method,
):
    name = question.__name__.replace("_", " ")
    answers[name] = "ok"
    for number in range(rounds):
        try:
            question()
        except Exception as error:  # any failure is an answer
            answers[name] = f"round {number}: {error}"
            break
print(json.dumps(answers))
