// A small server that speaks S3: node server.cjs FOLDER PORT BUCKET... Port 0 is a free port; the chosen port is printed.
// s3rver lacks what Amazon, MinIO and Ceph have and the tests need, so it is added here: conditional writes, objects that are
// whole once they are there, and lists in the order of the keys and in pages.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const S3rver = require('s3rver');

const [directory, port, ...buckets] = process.argv.slice(2);
const s3 = new S3rver({ directory, silent: true, vhostBuckets: false, configureBuckets: buckets.map(name => ({ name })) });
const answer = s3.callback();
const last = new Map(); // the last request for each object
const writes = new Set(); // those in progress

// s3rver answers before the bytes are in the file.
s3.store.putObject = async function ({ bucket, key, content, metadata }) {
  const file = this.getResourcePath(bucket, key, 'object');
  const md5 = createHash('md5');
  let size = 0;
  await fs.promises.mkdir(path.dirname(file), { recursive: true });
  await pipeline(Buffer.isBuffer(content) ? [content] : content, async function* (chunks) {
    for await (const chunk of chunks) {
      md5.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }, fs.createWriteStream(`${file}.part`));
  await fs.promises.rename(`${file}.part`, file);
  const hash = md5.digest('hex');
  await this.putMetadata(bucket, key, metadata, hash);
  return { size, md5: hash };
};

function serve(request, response) {
  return new Promise(resolve => {
    if (response.destroyed) {
      resolve(); // the client went away while the request waited
      return;
    }

    response.on('close', resolve);
    answer(request, response);
  });
}

async function serveObject(bucket, key, request, response) {
  if (request.headers['if-none-match'] !== '*' || request.method === 'GET') {
    return serve(request, response);
  }

  delete request.headers['if-none-match'];
  if (!await s3.store.existsObject(bucket, key)) {
    return serve(request, response);
  }

  request.resume();
  response.writeHead(412, { 'Content-Type': 'application/xml' });
  response.end('<?xml version="1.0" encoding="UTF-8"?><Error><Code>PreconditionFailed</Code><Message>exists</Message></Error>');
}

const xml = text => String(text).replace(/[<>&"]/g, c => `&#${c.charCodeAt(0)};`);

async function list(bucket, query, response) {
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter')];
  await Promise.all(writes);
  const { objects } = await s3.store.listObjects(bucket, { prefix });
  const entries = new Map();
  for (const object of objects) {
    const end = delimiter ? object.key.indexOf(delimiter, prefix.length) + 1 : 0;
    entries.set(end ? object.key.slice(0, end) : object.key, end ? null : object);
  }

  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString();
  const rest = [...entries.keys()].filter(name => name > after).sort();
  const page = rest.slice(0, Number(query.get('max-keys') ?? 1000));
  const items = page.map(name => {
    const object = entries.get(name);
    return object
      ? `<Contents><Key>${xml(name)}</Key><LastModified>${object.lastModifiedDate.toISOString()}</LastModified>` +
        `<ETag>${xml(object.metadata.etag)}</ETag><Size>${object.size}</Size></Contents>`
      : `<CommonPrefixes><Prefix>${xml(name)}</Prefix></CommonPrefixes>`;
  });
  const more = rest.length > page.length;
  const token = more ? `<NextContinuationToken>${Buffer.from(page.at(-1)).toString('base64')}</NextContinuationToken>` : '';
  response.writeHead(200, { 'Content-Type': 'application/xml' });
  response.end('<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Name>${bucket}</Name><IsTruncated>${more}</IsTruncated>${token}${items.join('')}</ListBucketResult>`);
}

function handle(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const [, bucket, ...names] = url.pathname.split('/').map(decodeURIComponent);
  const key = names.join('/');
  if (!key) {
    const isList = url.searchParams.get('list-type') === '2' && buckets.includes(bucket);
    return isList ? list(bucket, url.searchParams, response) : serve(request, response);
  }

  const before = (last.get(url.pathname) ?? Promise.resolve()).catch(() => {}); // its own client was told
  const turn = before.then(() => serveObject(bucket, key, request, response));
  last.set(url.pathname, turn);
  if (!['GET', 'HEAD'].includes(request.method)) {
    writes.add(turn);
    turn.finally(() => writes.delete(turn));
  }

  return turn;
}

s3.configureBuckets().then(() => {
  const server = http.createServer((request, response) => handle(request, response).catch(error => {
    console.error(error);
    response.destroy();
  }));
  server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));
});

// s3rver fails where a file vanishes under a request: that request is lost, and the server goes on.
process.on('uncaughtException', error => console.error(error));
process.on('unhandledRejection', error => console.error(error));

// The tests end the server by closing its input, also where they crash.
process.stdin.on('end', () => process.exit(0)).resume();
