#!/usr/bin/env python3
"""Asks a real Prometheus every question of the dashboard, while a running server has a little load of every kind.

    deploy/grafana/check.py --server http://localhost:8080 --image tests/assets/street.jpg [--picture dashboard.png]

Needs the program `prometheus` (Debian: prometheus); a picture needs matplotlib. Fails on a query that is wrong or has no data.
The picture plots the answers, panel by panel, where the dashboard has them; it is no screenshot of Grafana.
"""
import argparse
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

DASHBOARD = pathlib.Path(__file__).parent / "dashboards" / "inference-server.json"
VARIABLES = {"$__rate_interval": "15s", "$model": ".*", "$instance": ".*"}
STEP = 2


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def post(url, body):
    try:
        urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "image/jpeg"}), timeout=60).read()
    except urllib.error.HTTPError as refused:
        time.sleep(json.load(refused).get("retry_after_ms", 0) / 1000)


def hang_up(server, body):
    """Sends an image and does not wait for its mask."""
    target = urllib.parse.urlsplit(server)
    with socket.create_connection((target.hostname, target.port or 80)) as client:
        client.sendall(f"POST /v1/segment HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.02)


def load(server, body, seconds):
    """Four clients that wait for their masks, one with bulk work, one that crowds, one that hangs up, and one that asks for what cannot be had."""
    end = time.monotonic() + seconds
    jobs = [(lambda: post(server + "/v1/segment", body), 0)] * 4
    jobs += [(lambda: post(server + "/v1/segment?priority=batch", body), 0.2)]
    jobs += [(lambda: post(server + "/v1/segment?refine=crf", body), 1), (lambda: hang_up(server, body), 0.5)]
    jobs += [(lambda: post(server + "/v1/segment/no-such-model", body), 1), (lambda: post(server + "/v1/segment", body[:1000]), 0.7)]

    def work(job, pause):
        while time.monotonic() < end:
            job()
            time.sleep(pause)

    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def queries(panel):
    for target in panel.get("targets", []):
        expression = target["expr"]
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        yield expression, target


def series(api, expression, start, end):
    answer = ask(f"{api}/query_range?" + urllib.parse.urlencode({"query": expression, "start": start, "end": end, "step": STEP}))
    return answer["data"]["result"]


def legend(template, labels):
    return re.sub(r"{{(\w+)}}", lambda m: labels.get(m.group(1), ""), template) if template else ", ".join(v for k, v in sorted(labels.items()) if k in ("model", "state", "provider", "version"))


def check(api, start, end):
    """Every panel's series; says which have none."""
    found, empty = {}, 0
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for expression, target in queries(panel):
            answer = series(api, expression, start, end)
            points = sum(1 for s in answer for _, v in s["values"] if v != "NaN")
            found.setdefault(panel["id"], []).extend((target, s) for s in answer)
            print(f"{'ok' if points else 'NO DATA':8}{panel['title']:30}{len(answer):3} series {points:6} points  {expression[:100]}")
            empty += points == 0
    return found, empty


def draw(found, start, picture):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]
    rows = sorted({p["gridPos"]["y"] for p in panels})
    figure = plt.figure(figsize=(16, 2.6 * len(rows)))
    figure.suptitle("The dashboard's queries, answered by Prometheus and plotted by check.py", fontsize=13)
    for panel in panels:
        place, height = panel["gridPos"], 1 / len(rows)
        bottom = 1 - (rows.index(place["y"]) + 1) * height
        axes = figure.add_axes([place["x"] / 24 + 0.03, (bottom + 0.15 * height) * 0.96, place["w"] / 24 - 0.05, height * 0.68])
        axes.set_title(panel["title"], fontsize=10, loc="left")
        answers = found.get(panel["id"], [])
        if panel["type"] == "table":
            axes.axis("off")
            for i, (target, s) in enumerate(answers):
                axes.text(0, 0.85 - 0.15 * i, legend("", s["metric"]), fontsize=9)
            continue
        plot(axes, panel, answers, start)
    figure.savefig(picture, dpi=80)


def plot(axes, panel, answers, start):
    defaults = panel["fieldConfig"]["defaults"]
    right = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]}
    other = axes.twinx() if any(t["refId"] in right for t, _ in answers) else None
    below = None
    if defaults["custom"]["stacking"]["mode"] == "normal":
        times = sorted({t for _, s in answers for t, _ in s["values"]})
        table = [[float(dict(s["values"]).get(t, 0)) for t in times] for _, s in answers]
        table = [[0 if v != v else v for v in row] for row in table]
        axes.stackplot([t - start for t in times], table, labels=[legend(t["legendFormat"], s["metric"]) for t, s in answers], alpha=0.8)
    else:
        for i, (target, s) in enumerate(answers):
            on = other if target["refId"] in right else axes
            on.plot([t - start for t, _ in s["values"]], [float(v) for _, v in s["values"]], color=f"C{i}", label=legend(target["legendFormat"], s["metric"]) + (" (right)" if on is other else ""))
    for on in filter(None, (axes, other)):
        on.set_ylim(bottom=0)
        on.tick_params(labelsize=7)
    axes.set_ylabel(defaults["unit"], fontsize=7)
    handles = [h for on in filter(None, (axes, other)) for h in zip(*on.get_legend_handles_labels())]
    axes.legend(*zip(*handles), fontsize=6, loc="upper left", ncol=2 if len(handles) > 3 else 1) if handles else None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--server", default="http://localhost:8080")
    arguments.add_argument("--image", type=pathlib.Path, required=True)
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--picture", type=pathlib.Path)
    options = arguments.parse_args()
    program = shutil.which("prometheus")
    if program is None:
        sys.exit("Skipped: there is no program 'prometheus' here (Debian: apt-get install prometheus).")

    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "prometheus.yml")
        target = urllib.parse.urlsplit(options.server).netloc
        rules = (DASHBOARD.parents[2] / "prometheus" / "rules.yml").resolve()
        config.write_text(json.dumps({  # JSON is YAML
            "global": {"scrape_interval": "2s", "evaluation_interval": "5s"}, "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "inference-server", "static_configs": [{"targets": [target]}]}]}))
        prometheus = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage", "--log.level=error"])
        try:
            api = f"http://127.0.0.1:{port}/api/v1"
            time.sleep(6)  # one quiet look at the server first
            start = time.time()
            load(options.server, options.image.read_bytes(), options.seconds)
            time.sleep(4)
            scraped = ask(f"{api}/targets")["data"]["activeTargets"][0]
            if scraped["health"] != "up":
                sys.exit(f"Prometheus cannot read the metrics: {scraped['lastError']}")
            found, empty = check(api, start, time.time())
            broken = [r["name"] + ": " + r["lastError"] for g in ask(f"{api}/rules")["data"]["groups"] for r in g["rules"] if r["health"] == "err"]
            print("".join(f"{b}\n" for b in broken), end="")
            if options.picture:
                draw(found, start, options.picture)
            sys.exit(1 if empty or broken else 0)
        finally:
            prometheus.terminate()
            prometheus.wait()


if __name__ == "__main__":
    main()
