"""Segments images: python segment.py http://localhost:8080 street.jpg …
The key, where the server needs one, is the environment variable INFERENCE_SERVER_KEY."""
import os, pathlib, sys, time, urllib.error, urllib.request

key = os.environ.get("INFERENCE_SERVER_KEY")
headers = {"X-API-Key": key} if key else {}
for photo in sys.argv[2:]:
    request = urllib.request.Request(sys.argv[1] + "/v1/segment?format=png", pathlib.Path(photo).read_bytes(), headers)
    while True:
        try:
            answer = urllib.request.urlopen(request)
            mask = answer.read()
            break
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503):
                sys.exit(f"{photo}: {error.read().decode()}")
            wait = error.headers["Retry-After"] or ""
            seconds = int(wait) if wait.isdigit() else 1  # full, loading or restarting: it says when to come again; a proxy may not
            print(f"{photo}: {error.code}, again in {seconds} s")
            time.sleep(seconds)
    pathlib.Path(photo + ".mask.png").write_bytes(mask)
    print(f"{photo}.mask.png: {len(mask)} bytes by {answer.headers['X-Model']}")
