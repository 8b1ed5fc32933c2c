import { expect, test } from 'bun:test'
import { chunkReminder } from '../../src/http/chunk-reminder.ts'

const MiB = 1024 * 1024

/** A reminder under a clock of the test's; `cost` is what a collection takes. */
function reminder(cost: number) {
  const state = { time: 0, collected: 0 }
  const remind = chunkReminder(
    () => {
      state.collected++
      state.time += cost
    },
    () => state.time,
  )
  return { state, remind }
}

test('few bytes are not worth a collection, however long it was', () => {
  const { state, remind } = reminder(5)
  for (; state.time < 1e6; state.time += 1000) remind(1000)
  expect(state.collected).toBe(0)
})

test('many bytes are collected, once a second at most', () => {
  const { state, remind } = reminder(5)
  for (; state.time < 10_000; state.time += 1) remind(MiB)
  expect(state.collected).toBeGreaterThanOrEqual(9)
  expect(state.collected).toBeLessThanOrEqual(10)
})

test('a collection that takes long makes the next one wait', () => {
  const { state, remind } = reminder(50)
  for (; state.time < 60_000; state.time += 1) remind(MiB)
  expect(state.collected * 50).toBeLessThanOrEqual(60_000 / 50 + 50)
})
