"""Segments the images of a folder, several at a time: python segment_folder.py http://localhost:8080 images masks [MODEL]
Masks that exist are kept, so the same command continues a run that was stopped. The key, where the server needs one, is the
environment variable INFERENCE_SERVER_KEY."""
import asyncio, http.client, os, pathlib, sys, urllib.error, urllib.request

AT_A_TIME = 4  # a server that is full says so, and when to come again
IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".gif"}


def post(url, image):
    """Status, headers and body of the answer; 502 where nobody answers, or not to the end."""
    key = os.environ.get("INFERENCE_SERVER_KEY")
    request = urllib.request.Request(url, image, {"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
        return 502, {}, str(error).encode()


async def segment(url, path, mask, places):
    """Whether the mask was written."""
    async with places:
        image = path.read_bytes()
        for attempt in range(1, 11):
            status, headers, body = await asyncio.to_thread(post, url, image)
            if status not in (429, 502, 503):
                break
            wait = headers.get("Retry-After") or ""
            seconds = int(wait) if wait.isdigit() else attempt  # a proxy's own answer may not say when to come again
            print(f"{path.name}: {status}, again in {seconds} s", flush=True)
            await asyncio.sleep(seconds)
        if status != 200:
            print(f"{path.name}: {status} {body.decode(errors='replace')}", file=sys.stderr)
            return False
        part = mask.with_suffix(".part")
        part.write_bytes(body)
        part.replace(mask)  # a mask is there whole, or not at all
        print(f"{mask}: {len(body)} bytes by {headers.get('X-Model')}", flush=True)
        return True


async def main(server, images, masks, model=""):
    pathlib.Path(masks).mkdir(parents=True, exist_ok=True)
    pairs = [(path, pathlib.Path(masks, path.name + ".png")) for path in sorted(pathlib.Path(images).iterdir()) if path.suffix.lower() in IMAGES]
    wanted = [(path, mask) for path, mask in pairs if not mask.exists()]
    url = f"{server}/v1/segment{'/' + model if model else ''}?format=png"
    places = asyncio.Semaphore(AT_A_TIME)
    written = await asyncio.gather(*(segment(url, path, mask, places) for path, mask in wanted))
    print(f"{sum(written)} masks written, {len(pairs) - len(wanted)} there before, {written.count(False)} failed")
    return 1 if False in written else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
