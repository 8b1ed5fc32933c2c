import { expect, setDefaultTimeout, test } from 'bun:test'
import { digestOf } from '../../src/core/digest.ts'
import { RawConnection } from '../http/raw.ts'
import { randomBlob, type TestBlob } from '../suite/content.ts'
import { scrub } from './scrub.ts'
import { type CrashServer, type Site, startServer } from './server.ts'
import { describeOnBoth } from './sites.ts'
import { stopAndScrub } from './strike.ts'
import { UploadSession } from './upload-session.ts'
import { readBlob, type Wire, wireTo } from './wire.ts'

setDefaultTimeout(60_000)

const REPO = 'crash/stop'
/** More than the kernel holds for a reader who does not read. */
const LARGE = 32 * 2 ** 20
const CHUNK = 100_000
/** Longer than any test: a stop that waits for it fails. */
const PATIENT = { BERTH_DRAIN_SECONDS: '600' }

/** A server in the middle of an upload and of a download, with an idle connection beside. */
interface Midway extends AsyncDisposable {
  readonly server: CrashServer
  readonly wire: Wire
  readonly session: UploadSession
  readonly chunk: TestBlob
  readonly upload: RawConnection
  readonly large: TestBlob
  readonly download: RawConnection
  readonly idle: RawConnection
}

async function midway(site: Site, env: Record<string, string>): Promise<Midway> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startServer(site, { env }))
  const host = server.url.replace('http://', '')
  const wire = wireTo(server.url)

  const large = randomBlob(LARGE)
  const pushed = new UploadSession(REPO, large.digest, large.bytes)
  await pushed.open(wire)
  await pushed.close(wire)
  const download = stack.use(await RawConnection.connect(host))
  await download.send(`GET /v2/${REPO}/blobs/${large.digest} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
  await until(() => download.socket.bytesRead > 0)
  download.socket.pause()

  const chunk = randomBlob(CHUNK)
  const session = new UploadSession(REPO, chunk.digest, chunk.bytes)
  await session.open(wire)
  const upload = stack.use(await RawConnection.connect(host))
  await upload.send(`PATCH ${session.location} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${CHUNK}\r\n\r\n`)
  await upload.send(chunk.bytes.subarray(0, CHUNK / 2))
  // A second writer is refused as soon as the first is at work (CO-7).
  await until(
    async () => (await wire.send('PATCH', session.location, { body: new Uint8Array(2) })).status === 416,
  )

  const idle = stack.use(await RawConnection.connect(host))
  await idle.send(`GET /livez HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
  expect((await idle.answer())?.status).toBe(200)
  const owned = stack.move()
  return {
    ...{ server, wire, session, chunk, upload, large, download, idle },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function terminate(server: CrashServer): Promise<void> {
  server.daemon.kill('SIGTERM')
  await server.daemon.waitForLine((line) => line.includes('"signal":"SIGTERM"'))
}

const refusesConnections = (server: CrashServer) =>
  until(async () => {
    const connection = await RawConnection.connect(server.url.replace('http://', '')).catch(() => undefined)
    await connection?.[Symbol.asyncDispose]()
    return connection === undefined
  })

/** What a stopped server left: the chunk that it was receiving stands in its session as far as it was kept. */
async function finishLater(site: Site, session: UploadSession, chunk: TestBlob): Promise<void> {
  await using server = await startServer(site)
  const wire = wireTo(server.url)
  expect(await session.resume(wire)).toBe(true)
  expect((await readBlob(wire, REPO, chunk.digest))?.byteLength).toBe(CHUNK)
  await stopAndScrub(site, server)
}

describeOnBoth('a server that is asked to stop', (newSite) => {
  test('takes no new connections, finishes what it is at, and ends with 0', async () => {
    await using site = await newSite()
    await using it = await midway(site, PATIENT)
    await terminate(it.server)
    await refusesConnections(it.server)

    await it.upload.send(it.chunk.bytes.subarray(CHUNK / 2))
    const uploaded = await it.upload.answer('PATCH')
    expect(uploaded?.status).toBe(202)
    expect(uploaded?.headers.get('range')).toBe(`0-${CHUNK - 1}`)
    it.download.socket.resume()
    const downloaded = await it.download.answer()
    expect(downloaded?.whole).toBe(true)
    expect(digestOf(downloaded?.body ?? new Uint8Array())).toBe(it.large.digest)

    expect(await it.server.daemon.exited).toBe(0)
    expect(await scrub(site)).toEqual([])
    it.session.sent(CHUNK)
    await finishLater(site, it.session, it.chunk)
  })

  test('and asked again, stops at once', async () => {
    await using site = await newSite()
    await using it = await midway(site, PATIENT)
    await terminate(it.server)
    it.server.daemon.kill('SIGTERM')
    expect(await it.server.daemon.exited).toBe(0)
    it.download.socket.resume()
    expect((await it.download.answer())?.whole).not.toBe(true)
    expect(await scrub(site)).toEqual([])
    it.session.sent(CHUNK / 2)
    await finishLater(site, it.session, it.chunk)
  })

  test('cuts what is not done when its patience ends', async () => {
    await using site = await newSite()
    await using it = await midway(site, { BERTH_DRAIN_SECONDS: '0.3' })
    await terminate(it.server)
    expect(await it.server.daemon.exited).toBe(0)
    expect(await scrub(site)).toEqual([])
    it.session.sent(CHUNK / 2)
    await finishLater(site, it.session, it.chunk)
  })
})
