// Photograph in, palette PNG out: fastify, onnxruntime-node and sharp.
// node server.js PORT MODEL_FOLDER. session.run blocks its process, so the processor's cores are used by worker processes;
// WORKERS and ORT_THREADS may be set, the defaults were the fastest of those measured on two cores.
import cluster from 'node:cluster'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const [port, folder] = process.argv.slice(2)
const workers = Number(process.env.WORKERS ?? 2)

if (cluster.isPrimary && workers > 1) {
  for (let i = 0; i < workers; i++) cluster.fork()
  cluster.on('exit', (worker, code) => { if (!worker.exitedAfterDisconnect && code !== 0) cluster.fork() })
  process.on('SIGTERM', () => { for (const worker of Object.values(cluster.workers)) worker.kill(); process.exit() })
} else {
  await serve()
}

async function serve () {
  const modules = await Promise.all([import('fastify'), import('sharp'), import('./segmenter.js')])
  const [{ default: fastify }, { default: sharp }, { Segmenter }] = modules
  sharp.concurrency(1) // requests are the parallelism
  sharp.cache(false)
  const manifest = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'))
  const version = Math.max(...readdirSync(folder).filter(name => /^\d+$/.test(name)).map(Number))
  const segmenter = await Segmenter.load(join(folder, String(version), 'model.onnx'), manifest, Number(process.env.ORT_THREADS ?? 1))

  const app = fastify({ bodyLimit: 64 * 1024 * 1024 })
  app.addContentTypeParser(/^image\//, { parseAs: 'buffer' }, (request, body, done) => done(null, body))
  app.get('/health/ready', () => ({ status: 'ready' }))
  app.post('/v1/segment', async (request, reply) => reply.type('image/png').send(await segmenter.segment(request.body)))
  await app.listen({ port: Number(port), host: '127.0.0.1' })
}
