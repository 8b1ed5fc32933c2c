import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { LatencyTable } from '../../src/telemetry/latency-table.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { runs } from '../fuzz/runs.ts'
import { parsePrometheus, type Sample } from '../http/prometheus.ts'

async function samplesOf(table: LatencyTable): Promise<Sample[]> {
  const page = new Registry()
  page.registerMetric(table.family() as never)
  return parsePrometheus(await page.metrics()).samples
}

const newTable = () => new LatencyTable('t', 'help', ['a', 'b', 'c'])
const label = fc.constantFrom('GET', 'x"y', 'back\\slash', 'line\nend', '')

describe('latency table', () => {
  test('counts like a naive count', async () => {
    const observation = fc.record({
      seconds: fc.oneof(
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.constantFrom(0, 0.00005, 0.001, 0.1, 1, 60, 61),
      ),
      a: label,
      b: label,
      c: label,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(observation, { maxLength: 60 }), async (observations) => {
        const table = newTable()
        for (const { seconds, a, b, c } of observations) table.observe(seconds, a, b, c)
        for (const { name, labels, value } of await samplesOf(table)) {
          const mine = observations.filter(
            ({ a, b, c }) => a === labels.a && b === labels.b && c === labels.c,
          )
          if (name === 't_count') expect(value).toBe(mine.length)
          else if (name === 't_sum')
            expect(value).toBeCloseTo(
              mine.reduce((sum, { seconds }) => sum + seconds, 0),
              6,
            )
          else {
            const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le)
            expect(value).toBe(mine.filter(({ seconds }) => seconds <= bound).length)
          }
        }
        const kinds = new Set(observations.map(({ a, b, c }) => JSON.stringify([a, b, c])))
        const counted = (await samplesOf(table)).filter(({ name }) => name === 't_count')
        expect(counted).toHaveLength(kinds.size)
      }),
      runs(50),
    )
  }, 60_000)

  test('does not grow without end', async () => {
    const table = newTable()
    for (let i = 0; i < 5000; i++) table.observe(1, `a${i}`, 'b', 'c')
    const counts = (await samplesOf(table)).filter(({ name }) => name === 't_count')
    expect(counts.length).toBeLessThanOrEqual(2001)
    expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(5000)
  })
})

describe('metrics page', () => {
  test('is in the text format, with what was told to it', async () => {
    const metrics = createMetrics()
    try {
      metrics.request({ route: 'blob', method: 'GET', status: 200, seconds: 0.01, bytesOut: 7 })
      metrics.request({ route: 'blob', method: 'GET', status: 200, seconds: 0.02, bytesOut: 5 })
      metrics.received(11)
      metrics.backend('database', 'findBlob', 0.001, false)
      metrics.backend('store', 'append', 0.001, true)
      metrics.gauge('berth_test', 'a "gauge"\nof two lines', async () => 42)
      const { samples, types } = parsePrometheus((await metrics.page()).text)
      const value = (name: string, labels: Record<string, string> = {}) =>
        samples.find(
          (each) =>
            each.name === name && Object.entries(labels).every(([key, text]) => each.labels[key] === text),
        )?.value
      expect(
        value('berth_http_request_duration_seconds_count', { route: 'blob', method: 'GET', status: '200' }),
      ).toBe(2)
      expect(value('berth_http_sent_bytes_total')).toBe(12)
      expect(value('berth_http_received_bytes_total')).toBe(11)
      expect(
        value('berth_backend_duration_seconds_count', {
          part: 'database',
          operation: 'findBlob',
          outcome: 'ok',
        }),
      ).toBe(1)
      expect(
        value('berth_backend_duration_seconds_count', {
          part: 'store',
          operation: 'append',
          outcome: 'failed',
        }),
      ).toBe(1)
      expect(value('berth_test')).toBe(42)
      expect(value('berth_process_resident_memory_bytes')).toBeGreaterThan(1e6)
      expect(types.get('berth_http_request_duration_seconds')).toBe('histogram')
      expect(types.get('berth_http_sent_bytes_total')).toBe('counter')
      expect(types.get('berth_test')).toBe('gauge')
    } finally {
      metrics.close()
    }
  })
})
