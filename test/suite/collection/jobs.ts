import { describe, expect, test } from 'bun:test'
import { NOW } from '../metadata/fixture.ts'
import { CAUSE, type CollectionUnderTest } from './fixture.ts'

/** One process at a time does a job. */
export function jobCases(made: () => CollectionUnderTest) {
  const store = () => made().store
  const lease = (name: string, holder: string, now: number, until = now + 10) =>
    store().leaseJob({ name, holder, now, until })
  const row = async (name: string) => (await store().listJobs()).find((job) => job.name === name)

  describe('a job', () => {
    test('is leased by one, kept by it, and had by another when the lease is over', async () => {
      expect(await lease('a', 'one', NOW)).toBe(true)
      expect(await lease('a', 'two', NOW + 9)).toBe(false)
      expect(await lease('a', 'one', NOW + 9)).toBe(true)
      expect(await row('a')).toMatchObject({ holder: 'one', leaseUntil: NOW + 19, startedAt: NOW })
      expect(await lease('a', 'two', NOW + 18)).toBe(false)
      expect(await lease('a', 'two', NOW + 19)).toBe(true)
      expect(await row('a')).toMatchObject({ holder: 'two', startedAt: NOW + 19 })
    })

    test('tells how it went; one who lost the lease tells nothing', async () => {
      await lease('b', 'one', NOW)
      await store().finishJob({ name: 'b', holder: 'two', now: NOW + 1, failure: 'not mine' })
      expect(await row('b')).toMatchObject({ holder: 'one', failure: undefined })
      await store().finishJob({ name: 'b', holder: 'one', now: NOW + 2, failure: 'broken', detail: '{}' })
      expect(await row('b')).toEqual({
        ...{ name: 'b', holder: undefined, leaseUntil: 0, paused: false },
        ...{ startedAt: NOW, finishedAt: NOW + 2, failure: 'broken', detail: '{}' },
      })
      expect(await lease('b', 'two', NOW + 3)).toBe(true)
      await store().finishJob({ name: 'b', holder: 'two', now: NOW + 4 })
      expect(await row('b')).toMatchObject({ failure: undefined, detail: undefined, startedAt: NOW + 3 })
    })

    test('that is paused is leased by nobody, and that is written down once', async () => {
      await store().pauseJob({ name: 'c', paused: true }, CAUSE)
      await store().pauseJob({ name: 'c', paused: true }, CAUSE)
      expect(await lease('c', 'one', NOW)).toBe(false)
      expect(await row('c')).toMatchObject({ paused: true })
      await store().pauseJob({ name: 'c', paused: false }, CAUSE)
      expect(await lease('c', 'one', NOW)).toBe(true)
      const { items } = await store().listAudit({}, { limit: 9 })
      const told = items.filter(({ target }) => target === 'c').map(({ action }) => action)
      expect(told).toEqual(['job.resume', 'job.pause'])
    })

    test('that eight ask for at once is had by one', async () => {
      const had = await Promise.all(Array.from({ length: 8 }, (_, at) => lease('d', `p${at}`, NOW)))
      expect(had.filter(Boolean).length).toBe(1)
    })
  })
}
