import { describe, expect, test } from 'bun:test'
import { chmod, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../src/core/digest.ts'
import { isRefusal } from '../../src/core/errors.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, pushBlob, pushImage, randomBlob, testContext } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { run } from '../testbed/run.ts'
import { tempFolder } from '../testbed/temp.ts'
import { type Page, parsePrometheus } from './prometheus.ts'
import { RawConnection, request } from './raw.ts'
import { openValve } from './valve.ts'

/** What an orchestrator and a Prometheus see. */

interface Readiness {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly retryAfter: string | null
}

async function readiness({ url }: BerthServer): Promise<Readiness> {
  const answer = await fetch(`${url}/readyz`)
  return {
    status: answer.status,
    body: (await answer.json()) as Record<string, unknown>,
    retryAfter: answer.headers.get('retry-after'),
  }
}

/** Asks until readiness is so; a probe may be remembered for some seconds. */
async function becomes(berth: BerthServer, status: number): Promise<Readiness> {
  for (let tries = 0; ; tries++) {
    const now = await readiness(berth)
    if (now.status === status) return now
    if (tries === 300) throw new Error(`readiness stays ${JSON.stringify(now)}`)
    await Bun.sleep(50)
  }
}

async function live({ url }: BerthServer): Promise<void> {
  const answer = await fetch(`${url}/livez`)
  expect(answer.status).toBe(200)
  expect(await answer.text()).toBe('ok\n')
}

const metricsOf = async ({ url }: BerthServer): Promise<Page> =>
  parsePrometheus(await (await fetch(`${url}/metrics`)).text())

function total({ samples }: Page, name: string, labels: Record<string, string> = {}): number {
  const found = samples.filter(
    (each) =>
      each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value),
  )
  return found.reduce((sum, each) => sum + each.value, 0)
}

describe('readiness', () => {
  test('is there with everything well', async () => {
    await using berth = await startBerth()
    expect(await readiness(berth)).toEqual({
      status: 200,
      body: { ready: true, database: 'ok', storage: 'ok' },
      retryAfter: null,
    })
    await live(berth)
  })

  test('goes with the folder of blobs and comes back with it, without a restart', async () => {
    await using folder = await tempFolder()
    await using berth = await startBerth({ data: join(folder.path, 'data') })
    const blobs = join(berth.data, 'blobs')
    await rename(blobs, `${blobs}.away`)
    const gone = await becomes(berth, 503)
    expect(gone.body).toMatchObject({ ready: false, database: 'ok' })
    expect(String(gone.body.storage)).not.toBe('ok')
    expect(gone.retryAfter).toMatch(/^\d+$/)
    await live(berth)
    await rename(`${blobs}.away`, blobs)
    expect((await becomes(berth, 200)).body).toEqual({ ready: true, database: 'ok', storage: 'ok' })
    await pushImage(clientRegistry({ base: berth.url }), freshRepo())
  }, 60_000)

  describeNeeding({ root: true }, 'over a file system that turns read-only', () => {
    test('goes and comes back with it; reads go on, writes are refused', async () => {
      await using folder = await tempFolder()
      await using berth = await startBerth({ data: join(folder.path, 'data'), mayLogErrors: true })
      const registry = clientRegistry({ base: berth.url })
      const repo = freshRepo()
      const { config } = await pushImage(registry, repo)
      const blobs = join(berth.data, 'blobs')
      await run(['mount', '--bind', blobs, blobs])
      try {
        await run(['mount', '-o', 'remount,bind,ro', blobs])
        const gone = await becomes(berth, 503)
        expect(gone.body).toMatchObject({ ready: false, database: 'ok' })
        expect(String(gone.body.storage)).toMatch(/read-only|EROFS/i)
        await live(berth)
        expect((await fetch(`${berth.url}/v2/${repo}/manifests/latest`)).status).toBe(200)
        expect((await fetch(`${berth.url}/v2/${repo}/blobs/${config.digest}`)).status).toBe(200)
        const path = `/v2/${repo}/blobs/uploads/?digest=${digestOf('x')}`
        const refused = await fetch(berth.url + path, { method: 'POST', body: 'x' })
        expect([500, 503, 507]).toContain(refused.status)
      } finally {
        await run(['umount', blobs])
      }
      await becomes(berth, 200)
      await pushBlob(registry, repo, randomBlob())
    }, 60_000)
  })

  test('goes while the server drains, which does not accept more', async () => {
    await using berth = await startBerth()
    const repo = freshRepo()
    const blob = randomBlob(1000)
    await using upload = await RawConnection.connect(berth.host)
    await using probe = await RawConnection.connect(berth.host)
    await probe.send(request('GET', '/livez'))
    expect((await probe.answer())?.status).toBe(200)
    await upload.send(
      request('POST', `/v2/${repo}/blobs/uploads/?digest=${blob.digest}`, ['Content-Length: 1000']),
    )
    await upload.send(blob.bytes.subarray(0, 500))
    // The session is open once the server has seen the request.
    for (let open = 0; open === 0; ) open = total(await metricsOf(berth), 'berth_uploads_open')
    berth.daemon.kill('SIGTERM')
    await berth.daemon.waitForLine((line) => line.includes('requests under way'))
    await probe.send(request('GET', '/readyz'))
    const draining = await probe.answer()
    if (draining !== undefined) {
      expect(draining.status).toBe(503)
      expect(draining.headers.get('connection')).toBe('close')
      expect(JSON.parse(draining.body.toString())).toMatchObject({ ready: false, server: 'stopping' })
    }
    await upload.send(blob.bytes.subarray(500))
    expect((await upload.answer())?.status).toBe(201)
    expect(await berth.daemon.exited).toBe(0)
  }, 60_000)

  test('a second signal does not wait', async () => {
    await using berth = await startBerth()
    await using upload = await RawConnection.connect(berth.host)
    await upload.send(
      request('POST', `/v2/${freshRepo()}/blobs/uploads/?digest=${digestOf('x')}`, ['Content-Length: 1000']),
    )
    await upload.send('x')
    for (let open = 0; open === 0; ) open = total(await metricsOf(berth), 'berth_uploads_open')
    berth.daemon.kill('SIGTERM')
    await berth.daemon.waitForLine((line) => line.includes('requests under way'))
    berth.daemon.kill('SIGTERM')
    expect(await berth.daemon.exited).toBe(0)
  }, 25_000)

  describeNeeding({ programs: ['initdb', 'postgres'] }, 'with PostgreSQL', () => {
    test('goes with the database and comes back with it; the answers between are 503', async () => {
      await using cluster = await startPostgres()
      await using valve = await openValve(cluster.port)
      const url = new URL(cluster.url)
      url.port = String(valve.port)
      await using berth = await startBerth({ env: { BERTH_DATABASE_URL: url.href } })
      const registry = clientRegistry({ base: berth.url })
      const repo = freshRepo()
      await pushImage(registry, repo)
      await valve.shut()
      const gone = await becomes(berth, 503)
      expect(gone.body).toMatchObject({ ready: false, storage: 'ok' })
      expect(String(gone.body.database)).not.toBe('ok')
      await live(berth)
      for (const [method, path] of [
        ['GET', `/v2/${repo}/manifests/latest`],
        ['GET', `/v2/${repo}/tags/list`],
        ['GET', '/v2/_catalog'],
        ['POST', `/v2/${repo}/blobs/uploads/`],
      ] as const) {
        const refused = await fetch(berth.url + path, { method })
        expect([path, refused.status]).toEqual([path, 503])
        expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
        expect(await refused.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE' }] })
      }
      await valve.open()
      await becomes(berth, 200)
      await pushImage(registry, repo)
    }, 120_000)
  })
})

describe('metrics', () => {
  test('count what happened, in a form that Prometheus reads', async () => {
    await using berth = await startBerth()
    const repo = freshRepo()
    const before = await metricsOf(berth)
    const blob = randomBlob(12_345)
    const session = await fetch(`${berth.url}/v2/${repo}/blobs/uploads/`, { method: 'POST' })
    const location = `${berth.url}${session.headers.get('location')}`
    await fetch(location, { method: 'PATCH', body: blob.bytes.slice() })
    await fetch(`${location}?digest=${blob.digest}`, { method: 'PUT' })
    for (let i = 0; i < 7; i++)
      await (await fetch(`${berth.url}/v2/${repo}/blobs/${blob.digest}`)).arrayBuffer()
    for (let i = 0; i < 3; i++)
      await fetch(`${berth.url}/v2/${repo}/blobs/${blob.digest}`, { method: 'HEAD' })
    for (let i = 0; i < 5; i++) await fetch(`${berth.url}/v2/${repo}/blobs/${digestOf('absent')}`)
    await fetch(`${berth.url}/nowhere`)
    const opened = await fetch(`${berth.url}/v2/${repo}/blobs/uploads/`, { method: 'POST' })
    const after = await metricsOf(berth)

    const grown = (name: string, labels: Record<string, string> = {}) =>
      total(after, name, labels) - total(before, name, labels)
    const requests = (route: string, method: string, status: string) =>
      grown('berth_http_request_duration_seconds_count', { route, method, status })
    expect(requests('blob', 'GET', '200')).toBe(7)
    expect(requests('blob', 'HEAD', '200')).toBe(3)
    expect(requests('blob', 'GET', '404')).toBe(5)
    expect(requests('uploads', 'POST', '202')).toBe(2)
    expect(requests('upload', 'PATCH', '202')).toBe(1)
    expect(requests('upload', 'PUT', '201')).toBe(1)
    expect(requests('other', 'GET', '404')).toBe(1)
    expect(grown('berth_http_received_bytes_total')).toBe(12_345)
    expect(grown('berth_http_sent_bytes_total')).toBeGreaterThanOrEqual(7 * 12_345)
    expect(grown('berth_http_sent_bytes_total')).toBeLessThan(7 * 12_345 + 200_000)
    expect(total(after, 'berth_uploads_open')).toBe(1)
    expect(
      grown('berth_backend_duration_seconds_count', { part: 'database', outcome: 'ok' }),
    ).toBeGreaterThan(3)
    expect(grown('berth_backend_duration_seconds_count', { part: 'store', outcome: 'ok' })).toBeGreaterThan(0)
    expect(total(after, 'berth_process_resident_memory_bytes')).toBeGreaterThan(10e6)
    expect(total(after, 'berth_event_loop_delay_seconds_max')).toBeLessThan(30)

    await fetch(berth.url + (opened.headers.get('location') as string), { method: 'DELETE' })
    expect(total(await metricsOf(berth), 'berth_uploads_open')).toBe(0)
  })

  test('no client can invent a label', async () => {
    await using berth = await startBerth()
    for (let i = 0; i < 50; i++) {
      await fetch(`${berth.url}/invented-${i}/v2`)
      await fetch(`${berth.url}/v2/invented-${i}/what`)
      await fetch(`${berth.url}/v2/invented/${i}/tags/list`)
      await using connection = await RawConnection.connect(berth.host)
      await connection.send(request(['MKCOL', 'PROPFIND', 'SEARCH', 'UNLOCK'][i % 4] as string, '/v2/'))
      await connection.answer()
    }
    const page = await (await fetch(`${berth.url}/metrics`)).text()
    expect(page).not.toContain('invented')
    const methods = new Set(parsePrometheus(page).samples.flatMap(({ labels }) => labels.method ?? []))
    for (const method of methods) expect(['GET', 'POST', 'HEAD', 'other']).toContain(method)
  })
})

describe('--read-only', () => {
  test('refuses every write with 405 UNSUPPORTED, changes nothing, and serves reads', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    const repo = freshRepo()
    let pushed: Awaited<ReturnType<typeof pushImage>>
    {
      await using writable = await startBerth({ data })
      pushed = await pushImage(clientRegistry({ base: writable.url }), repo)
    }
    await using berth = await startBerth({ data, args: ['--read-only'] })
    const blob = pushed.config.digest
    const session = `/v2/${repo}/blobs/uploads/${crypto.randomUUID()}`
    const writes: [method: string, path: string][] = [
      ['POST', `/v2/${repo}/blobs/uploads/`],
      ['POST', `/v2/${repo}/blobs/uploads/?digest=${digestOf('x')}`],
      ['POST', `/v2/${repo}/blobs/uploads/?mount=${blob}&from=${repo}`],
      ['PATCH', session],
      ['PUT', `${session}?digest=${digestOf('x')}`],
      ['DELETE', session],
      ['PUT', `/v2/${repo}/manifests/other`],
      ['DELETE', `/v2/${repo}/manifests/latest`],
      ['DELETE', `/v2/${repo}/manifests/${pushed.manifest.digest}`],
      ['DELETE', `/v2/${repo}/blobs/${blob}`],
    ]
    for (const [method, path] of writes) {
      const body = method === 'PUT' ? Buffer.from(pushed.manifest.bytes).toString() : 'x'
      const refused = await fetch(berth.url + path, {
        method,
        ...(method !== 'DELETE' && { body }),
        headers: { 'content-type': pushed.manifest.mediaType },
      })
      expect([method, path, refused.status]).toEqual([method, path, 405])
      expect(refused.headers.get('allow')).toBe('GET, HEAD')
      expect(await refused.json()).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] })
    }
    const registry = clientRegistry({ base: berth.url })
    expect((await registry.getManifest(testContext(), repo, { tag: 'latest' as never })).digest).toBe(
      pushed.manifest.digest,
    )
    expect((await registry.tags(testContext(), repo, { limit: 10 })).items).toHaveLength(1)
    expect((await fetch(`${berth.url}/v2/${repo}/blobs/${blob}`)).status).toBe(200)
    expect((await readiness(berth)).status).toBe(200)
    const refused = await registry.openUpload(testContext(), repo).catch((error: unknown) => error)
    expect(isRefusal(refused)).toBe(true)
  })

  test('serves from a folder that it cannot write to', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    const repo = freshRepo()
    {
      await using writable = await startBerth({ data })
      await pushImage(clientRegistry({ base: writable.url }), repo)
    }
    await chmod(data, 0o500)
    await using berth = await startBerth({ data, args: ['--read-only'] })
    expect((await fetch(`${berth.url}/v2/${repo}/manifests/latest`)).status).toBe(200)
    await chmod(data, 0o700)
  })
})
