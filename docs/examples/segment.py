"""Segments photographs: python segment.py http://localhost:8080 street.jpg …"""
import sys, time, urllib.error, urllib.request

for photo in sys.argv[2:]:
    request = urllib.request.Request(sys.argv[1] + "/v1/segment?format=png", open(photo, "rb").read())
    while True:
        try:
            open(photo + ".mask.png", "wb").write(urllib.request.urlopen(request).read())
            break
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):  # full, or loading: it says when to come again
                sys.exit(error.read().decode())
            time.sleep(int(error.headers["Retry-After"]))
