import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { emptyIndex, INDEX_HEADERS } from '../access/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { tempFolder } from '../testbed/temp.ts'
import { type Page, parsePrometheus } from './prometheus.ts'

const REPO = 'team/app'
const url = (berth: BerthServer, tag = 'v1') => `${berth.url}/v2/${REPO}/manifests/${tag}`
const NEVER = { BERTH_USES_SECONDS: '86400' }
const OFTEN = { BERTH_USES_SECONDS: '0.05' }

/** An index over nothing; of indexes, what is got is a look. */
async function push(berth: BerthServer, tag = 'v1'): Promise<void> {
  const pushed = await fetch(url(berth, tag), {
    method: 'PUT',
    headers: INDEX_HEADERS,
    body: emptyIndex(tag),
  })
  expect(pushed.status).toBe(201)
}
async function get(berth: BerthServer, times: number, headers: Record<string, string> = {}): Promise<void> {
  for (let at = 0; at < times; at++) {
    const answer = await fetch(url(berth), { headers })
    expect([answer.status, (await answer.bytes()).length]).toEqual([200, emptyIndex('v1').length])
  }
}

/** What is written down, seen from beside. */
function written(data: string): { looks: number; pulledAt: number } {
  const database = new Database(join(data, 'berth.db'))
  try {
    database.run('PRAGMA busy_timeout = 5000')
    const row = database
      .query(`SELECT coalesce((SELECT sum(looks) FROM pull_day), 0) AS looks,
        coalesce((SELECT max(pulled_at) FROM tag_use), 0) AS pulledAt`)
      .get()
    return row as { looks: number; pulledAt: number }
  } finally {
    database.close()
  }
}

async function become(data: string, looks: number): Promise<void> {
  for (const until = Date.now() + 20_000; written(data).looks !== looks; ) {
    if (Date.now() > until) throw new Error(`${written(data).looks} looks are written down, and not ${looks}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const metricsOf = async (berth: BerthServer): Promise<Page> =>
  parsePrometheus(await (await fetch(`${berth.url}/metrics`)).text())
const sampleOf = (page: Page, name: string) => page.samples.find((sample) => sample.name === name)?.value

describe('statistics of a server', () => {
  test('are written now and then and at a stop; a crash loses what was not', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    {
      await using berth = await startBerth({ data, env: OFTEN })
      await push(berth)
      await get(berth, 3)
      await become(data, 3)
      berth.daemon.kill('SIGKILL')
      await berth.daemon.exited
    }
    {
      await using berth = await startBerth({ data, env: NEVER })
      await get(berth, 2)
      berth.daemon.kill('SIGKILL')
      await berth.daemon.exited
    }
    expect(written(data).looks).toBe(3)
    {
      await using berth = await startBerth({ data, env: NEVER })
      await get(berth, 4)
      expect(written(data).looks).toBe(3)
      expect(await berth.daemon.stop()).toBe(0)
    }
    expect(written(data).looks).toBe(7)
  }, 60_000)

  test('are written early where there is little room, and say what found none', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    await using berth = await startBerth({ data, env: { ...NEVER, BERTH_MAX_NOTED_USES: '2' } })
    await push(berth)
    await get(berth, 1)
    await become(data, 1)
    const page = await metricsOf(berth)
    expect(sampleOf(page, 'berth_pulls_total')).toBe(1)
    expect(sampleOf(page, 'berth_uses_dropped_total')).toBe(0)
  }, 60_000)

  test('tell clients that do not count apart', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    await using berth = await startBerth({ data, env: { ...OFTEN, BERTH_UNCOUNTED_AGENTS: 'mirror,scan' } })
    await push(berth)
    await get(berth, 2, { 'User-Agent': 'scan/1.0' })
    await fetch(url(berth), { method: 'HEAD' })
    await become(data, 3)
    expect(written(data).pulledAt).toBe(0)
    await get(berth, 1, { 'User-Agent': 'trivy/1' })
    await become(data, 4)
    expect(written(data).pulledAt).toBeGreaterThan(0)
    const page = await metricsOf(berth)
    expect([sampleOf(page, 'berth_pulls_total'), sampleOf(page, 'berth_looks_total')]).toEqual([1, 3])
  }, 60_000)

  test('are not written by a registry that is read-only', async () => {
    await using folder = await tempFolder()
    const data = join(folder.path, 'data')
    {
      await using berth = await startBerth({ data, env: NEVER })
      await push(berth)
    }
    {
      await using berth = await startBerth({ data, env: { ...OFTEN, BERTH_READ_ONLY: 'true' } })
      await get(berth, 5)
      expect(await berth.daemon.stop()).toBe(0)
    }
    expect(written(data)).toEqual({ looks: 0, pulledAt: 0 })
  }, 60_000)
})
