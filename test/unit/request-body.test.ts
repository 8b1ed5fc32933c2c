import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isRefusal } from '../../src/core/errors.ts'
import { type BodyPace, BodyWatchdog } from '../../src/http/body-watchdog.ts'
import { RequestBody } from '../../src/http/request-body.ts'
import { runs } from '../fuzz/runs.ts'

const PATIENT: BodyPace = { idle: 60_000, minRate: 0, grace: 60_000 }

type Step = Uint8Array | 'stall' | 'break'

/** A stream that gives one step at each read. */
function streamOf(steps: readonly Step[], onCancel = () => {}): ReadableStream<Uint8Array> {
  let next = 0
  return new ReadableStream(
    {
      pull(controller) {
        const step = steps[next++]
        if (step === undefined) controller.close()
        else if (step === 'break') controller.error(new Error('the connection is gone'))
        else if (step !== 'stall') controller.enqueue(step)
        else return new Promise<void>(() => {})
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  )
}

interface Read {
  readonly bytes: Buffer
  readonly error: unknown
  readonly counted: number
}

async function read(steps: readonly Step[], length?: number, pace = PATIENT): Promise<Read> {
  const watchdog = new BodyWatchdog(pace)
  let counted = 0
  const body = new RequestBody(streamOf(steps), length, watchdog, (bytes) => (counted += bytes))
  const chunks: Uint8Array[] = []
  let error: unknown
  try {
    for await (const chunk of body) chunks.push(chunk)
  } catch (thrown) {
    error = thrown
  }
  watchdog.close()
  return { bytes: Buffer.concat(chunks), error, counted }
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text))

describe('a request’s body', () => {
  test('gives every byte, in order, and counts them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 })), async (chunks) => {
        const whole = Buffer.concat(chunks)
        for (const length of [undefined, whole.byteLength]) {
          const { bytes: got, error, counted } = await read(chunks, length)
          expect(error).toBeUndefined()
          expect(got.equals(whole)).toBe(true)
          expect(counted).toBe(whole.byteLength)
        }
      }),
      runs(100),
    )
  })

  test('none at all is an empty one', async () => {
    const body = new RequestBody(null, 0, new BodyWatchdog(PATIENT), () => {})
    for await (const _ of body) throw new Error('a chunk of nothing')
    expect(body.finished).toBe(true)
  })

  test('of a client that goes away is incomplete, after all that arrived', async () => {
    const { bytes: got, error, counted } = await read([bytes('abc'), bytes('de'), 'break'], 10)
    expect(got.toString()).toBe('abcde')
    expect(isRefusal(error, 'body-incomplete')).toBe(true)
    expect((error as Error).message).toContain('5 bytes of 10')
    expect(counted).toBe(5)
  })

  test('shorter than announced is incomplete', async () => {
    expect(isRefusal((await read([bytes('abc')], 4)).error, 'body-incomplete')).toBe(true)
  })

  test('that pauses is cut, after all that arrived', async () => {
    const { bytes: got, error } = await read([bytes('abc'), 'stall'], undefined, {
      idle: 20,
      minRate: 0,
      grace: 60_000,
    })
    expect(got.toString()).toBe('abc')
    expect(isRefusal(error, 'body-too-slow')).toBe(true)
    expect((error as Error).message).toContain('paused')
  })

  test('that trickles is cut', async () => {
    const watchdog = new BodyWatchdog({ idle: 60_000, minRate: 1e9, grace: 20 })
    const slow = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await Bun.sleep(1)
          controller.enqueue(bytes('x'))
        },
      },
      { highWaterMark: 0 },
    )
    const body = new RequestBody(slow, undefined, watchdog, () => {})
    let count = 0
    const reading = (async () => {
      for await (const _ of body) count++
    })()
    const error = await reading.catch((thrown: unknown) => thrown)
    watchdog.close()
    expect(isRefusal(error, 'body-too-slow')).toBe(true)
    expect((error as Error).message).toContain(`came too slowly after ${count} bytes`)
  })

  test('is not cut for the time that we take', async () => {
    const watchdog = new BodyWatchdog({ idle: 20, minRate: 1e9, grace: 20 })
    const body = new RequestBody(streamOf([bytes('a'), bytes('b')]), 2, watchdog, () => {})
    let text = ''
    for await (const chunk of body) {
      await Bun.sleep(100)
      text += Buffer.from(chunk).toString()
    }
    watchdog.close()
    expect(text).toBe('ab')
  })

  test('that is given up half-way is cancelled, and no longer watched', async () => {
    const watchdog = new BodyWatchdog({ idle: 10, minRate: 0, grace: 60_000 })
    const { promise, resolve } = Promise.withResolvers<void>()
    const body = new RequestBody(streamOf([bytes('a'), bytes('b')], resolve), undefined, watchdog, () => {})
    for await (const _ of body) break
    await promise
    expect(body.finished).toBe(false)
  })
})

describe('the watchdog', () => {
  const watched = (waitingSince: number | undefined, waited: number, received: number) => {
    const { promise, resolve } = Promise.withResolvers<'idle' | 'rate'>()
    return { waitingSince, waited, received, cut: resolve, reason: promise }
  }

  test('cuts who is slow and spares who is not', async () => {
    const watchdog = new BodyWatchdog({ idle: 60_000, minRate: 1000, grace: 1000 })
    const now = performance.now()
    const slow = watched(now, 10_000, 9_000)
    const fast = watched(now, 10_000, 50_000_000)
    const early = watched(now, 0, 0)
    const working = watched(undefined, 1e9, 0)
    const asleep = watched(now - 61_000, 0, 1e12)
    let spared = true
    for (const each of [fast, early, working]) each.reason.then(() => (spared = false))
    for (const each of [slow, fast, early, working, asleep]) watchdog.watch(each)
    expect(await slow.reason).toBe('rate')
    expect(await asleep.reason).toBe('idle')
    expect(spared).toBe(true)
    watchdog.close()
  })

  test('looks again after it was idle', async () => {
    const watchdog = new BodyWatchdog({ idle: 10, minRate: 0, grace: 1000 })
    for (let round = 0; round < 3; round++) {
      const body = watched(performance.now() - 100, 0, 0)
      watchdog.watch(body)
      expect(await body.reason).toBe('idle')
      watchdog.release(body)
    }
  })
})
