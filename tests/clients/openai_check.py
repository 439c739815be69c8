"""What the official OpenAI client makes of a server: for each behaviour that the server is told to have, one line
with what the client gives or raises. Shows that the server which our probes are tested with is like the real one.

Usage: openai_check.py http://HOST:PORT
"""

import json
import sys
import urllib.request

import openai

base = sys.argv[1]
client = openai.OpenAI(base_url=f"{base}/v1", api_key="sk-interop", max_retries=0, timeout=10)

BEHAVIOURS = {
    "well": None,
    "429": {"type": "fail", "status": 429, "retry_after": 7},
    "500": {"type": "fail", "status": 500},
    "slow": {"type": "slow_first_token", "seconds": 60},
}


def behave(behaviour):
    body = json.dumps({"behaviors": [behaviour]}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{base}/_llmock/scenario", body, headers)).read()


for name, behaviour in BEHAVIOURS.items():
    urllib.request.urlopen(urllib.request.Request(f"{base}/_llmock/reset", b"", method="POST")).read()
    if behaviour:
        behave(behaviour)
    try:
        stream = client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "Say OK."}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        finished = any(choice.finish_reason for chunk in chunks for choice in chunk.choices)
        usage = chunks[-1].usage is not None
        print(f"{name} finished={finished} usage={usage}")
    except openai.OpenAIError as error:
        print(f"{name} {type(error).__name__}")
