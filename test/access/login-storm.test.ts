import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { MiB, peakMemory } from '../http/rss.ts'
import { basic, type World } from './world.ts'
import { startSeeded } from './worlds.ts'

/*
 * Floods of logins against a running server (RS-8), and guessing: slowed down by every door together, never locked (SE-15). Where requests come
 * from is said by a header here, as behind a proxy.
 */

const PASSWORD = 'correct horse battery staple'
const FAILURES = 5
const MANIFEST = '/v2/acme/public/manifests/latest'

describe('logins', () => {
  const owned = new AsyncDisposableStack()
  let world: World
  beforeAll(async () => {
    world = owned.use(
      await startSeeded({
        env: {
          BERTH_TRUSTED_PROXIES: '127.0.0.1',
          BERTH_LOGIN_FAILURES: String(FAILURES),
          BERTH_LOGIN_WINDOW_SECONDS: '1',
        },
      }),
    )
  }, 60_000)
  afterAll(() => owned.disposeAsync(), 60_000)

  let last = 0
  const newAddress = () => `10.${(++last >> 16) & 255}.${(last >> 8) & 255}.${last & 255}`

  interface Answer {
    readonly status: number
    readonly retryAfter: number
    readonly text: string
  }

  async function ask(path: string, address: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${world.server.url}${path}`, {
      ...init,
      headers: { ...(init.headers as object), 'X-Forwarded-For': address },
    })
    const text = await response.text()
    return {
      status: response.status,
      retryAfter: Number(response.headers.get('retry-after') ?? Number.NaN),
      text,
    }
  }

  /** Every door that takes a name and a password. */
  const DOORS: Record<string, (name: string, password: string, address: string) => Promise<Answer>> = {
    'the token end-point': (name, password, address) =>
      ask('/token', address, { headers: basic([name, password]) }),
    'a form': (name, password, address) =>
      ask('/v2/token', address, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'password', username: name, password }),
      }),
    'the protocol': (name, password, address) => ask('/v2/', address, { headers: basic([name, password]) }),
    'the API': (name, password, address) =>
      ask('/api/v1/organisations', address, { headers: basic([name, password]) }),
    'a session': (username, password, address) =>
      ask('/api/v1/session', address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username, password }),
      }),
    'Docker Hub’s login': (username, password, address) =>
      ask('/v2/users/login', address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username, password }),
      }),
    'Docker Hub’s newer login': (identifier, secret, address) =>
      ask('/v2/auth/token', address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ identifier, secret }),
      }),
    'a robot’s name': (name, password, address) =>
      ask('/token', address, { headers: basic([`robot$${name}`, password]) }),
  }
  const byToken = DOORS['the token end-point'] as (typeof DOORS)[string]

  test('300 wrong ones and 300 right ones at once: pulls go on, memory stays bounded', async () => {
    const names = ['rita', 'will', 'tina', 'otto']
    // Known users and unknown ones, each from somewhere else with another password.
    const wrong = Array.from(
      { length: 300 },
      (_, i) => () =>
        byToken(i % 2 === 0 ? (names[i % 4] as string) : `nobody${i}`, `wrong ${i}`, newAddress()),
    )
    const right = Array.from(
      { length: 300 },
      (_, i) => () => byToken(names[i % 4] as string, PASSWORD, newAddress()),
    )
    let over = false
    let pulls = 0
    const pulling = (async () => {
      while (!over) {
        const { status } = await ask(MANIFEST, '192.0.2.1')
        expect(status).toBe(200)
        pulls++
      }
    })()
    const anonymous = await ask(MANIFEST, '192.0.2.1')
    expect(anonymous.status).toBe(200)
    const { result, peak } = await peakMemory(world.server.daemon.pid, () =>
      Promise.all([Promise.all(wrong.map((login) => login())), Promise.all(right.map((login) => login()))]),
    )
    over = true
    await pulling
    const [wrongs, rights] = result
    for (const { status, retryAfter } of [...wrongs, ...rights]) {
      expect(status).toBeOneOf([200, 401, 429])
      if (status === 429) expect(retryAfter).toBeGreaterThan(0)
    }
    expect(wrongs.filter(({ status }) => status === 200)).toEqual([])
    expect(rights.filter(({ status }) => status === 401)).toEqual([])
    // Some are checked, and those who would wait too long are told so.
    expect(wrongs.filter(({ status }) => status === 401).length).toBeGreaterThan(0)
    expect([...wrongs, ...rights].filter(({ status }) => status === 429).length).toBeGreaterThan(0)
    expect(rights.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
    expect(pulls).toBeGreaterThan(10)
    expect(peak).toBeLessThan(400 * MiB)
    // Nobody is shut out by it all.
    for (const name of names) expect((await byToken(name, PASSWORD, newAddress())).status).toBe(200)
  }, 60_000)

  test('all doors count together, and an account is not locked out from elsewhere', async () => {
    const address = newAddress()
    const doors = Object.entries(DOORS)
    const statuses: number[] = []
    // Together at once, as who guesses would.
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => {
        const [, door] = doors[i % doors.length] as (typeof doors)[number]
        return door('will', `guess ${i}`, address)
      }),
    )
    for (const { status, retryAfter } of answers) {
      statuses.push(status)
      if (status === 429) expect(retryAfter).toBeGreaterThan(0)
    }
    expect(statuses.filter((status) => status !== 401 && status !== 429)).toEqual([])
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(FAILURES)
    // The right one, too, is not looked at now – from there; from elsewhere it is.
    expect((await byToken('will', PASSWORD, newAddress())).status).toBe(200)
  }, 30_000)

  test.each(Object.keys(DOORS))(
    '%s: after its delay the right password works',
    async (what) => {
      const door = DOORS[what] as (typeof DOORS)[string]
      const address = newAddress()
      const seen: Answer[] = []
      for (let i = 0; seen.at(-1)?.status !== 429; i++) {
        seen.push(await door('tina', `guess ${what} ${i}`, address))
        // A slow machine forgets failures before there are enough; then it begins anew.
        if (i > 100) throw new Error('guessing is not slowed down')
      }
      for (const { status } of seen.slice(0, -1)) expect(status).toBe(401)
      expect(seen.at(-1)?.retryAfter).toBeGreaterThan(0)
      let answer = await door('tina', PASSWORD, address)
      const until = performance.now() + 20_000
      while (answer.status === 429 && performance.now() < until)
        answer = await door('tina', PASSWORD, address)
      expect(answer.status).toBe(200)
    },
    30_000,
  )

  test('a user who is not there is told the same, by every door; the times are printed', async () => {
    for (const [what, door] of Object.entries(DOORS)) {
      const [known, unknown] = await Promise.all([
        door('otto', `wrong by ${what}`, newAddress()),
        door('zoe-who-is-not', `wrong by ${what}`, newAddress()),
      ])
      const plain = ({ status, text }: Answer) => [what, status, text.replace(/"requestId":"[^"]*"/, '')]
      expect(plain(unknown)).toEqual(plain(known))
    }
    const times: Record<string, number[]> = { otto: [], 'zoe-who-is-not': [] }
    for (let i = 0; i < 20; i++) {
      for (const [name, taken] of Object.entries(times)) {
        const since = performance.now()
        await byToken(name, `wrong ${i}`, newAddress())
        taken.push(performance.now() - since)
      }
    }
    const told = Object.entries(times).map(([name, taken]) => {
      const sorted = taken.sort((a, b) => a - b).map((ms) => ms.toFixed(1))
      return `${name}: least ${sorted[0]} ms, middle ${sorted[10]} ms, most ${sorted.at(-1)} ms`
    })
    console.log(told.join('\n'))
  }, 60_000)
})
