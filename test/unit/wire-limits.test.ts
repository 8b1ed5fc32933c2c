import { expect, test } from 'bun:test'
import { readConfig } from '../../src/config.ts'
import { DEFAULT_WIRE_LIMITS } from '../wire/limits.ts'

test('the wire is tested with the bounds that the program starts with', () => {
  const config = readConfig({}) as unknown as Record<string, unknown>
  for (const [name, value] of Object.entries(DEFAULT_WIRE_LIMITS)) {
    expect([name, config[name === 'maxUrlLength' ? 'maxUrlBytes' : name]]).toEqual([name, value])
  }
})
