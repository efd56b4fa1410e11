// A small server that speaks S3: node server.cjs FOLDER PORT BUCKET... Port 0 is a free port; the chosen port is printed.
// s3rver does not know conditional writes, which Amazon, MinIO and Ceph know: they are added here.
const http = require('node:http');
const S3rver = require('s3rver');

const [directory, port, ...buckets] = process.argv.slice(2);
const s3 = new S3rver({ directory, silent: true, vhostBuckets: false, configureBuckets: buckets.map(name => ({ name })) });
const answer = s3.callback();
let writes = Promise.resolve();

function serve(request, response) {
  return new Promise(resolve => {
    response.on('close', resolve);
    answer(request, response);
  });
}

async function serveNew(request, response) {
  const [, bucket, ...key] = decodeURIComponent(request.url.split('?')[0]).split('/');
  if (!await s3.store.existsObject(bucket, key.join('/'))) {
    return serve(request, response);
  }

  request.resume();
  response.writeHead(412, { 'Content-Type': 'application/xml' });
  response.end('<?xml version="1.0" encoding="UTF-8"?><Error><Code>PreconditionFailed</Code><Message>exists</Message></Error>');
}

s3.configureBuckets().then(() => {
  const server = http.createServer((request, response) => {
    if (request.headers['if-none-match'] === '*' && request.method !== 'GET') {
      delete request.headers['if-none-match'];
      writes = writes.then(() => serveNew(request, response));
    } else {
      serve(request, response);
    }
  });
  server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));
});

// The tests end the server by closing its input, also where they crash.
process.stdin.on('end', () => process.exit(0)).resume();
