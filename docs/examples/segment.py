"""Segments images: python segment.py http://localhost:8080 street.jpg …"""
import pathlib, sys, time, urllib.error, urllib.request

for photo in sys.argv[2:]:
    request = urllib.request.Request(sys.argv[1] + "/v1/segment?format=png", pathlib.Path(photo).read_bytes())
    while True:
        try:
            mask = urllib.request.urlopen(request).read()
            break
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503):
                sys.exit(error.read().decode())
            time.sleep(int(error.headers["Retry-After"] or 1))  # full, loading or restarting: it says when to come again; a proxy may not
    pathlib.Path(photo + ".mask.png").write_bytes(mask)
