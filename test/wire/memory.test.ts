import { wireHandler } from '../../src/oci/handler.ts'
import { DEFAULT_WIRE_LIMITS } from '../../src/oci/limits.ts'
import { fakeRegistry } from './fake-registry.ts'
import { wireSuite } from './suite.ts'

wireSuite('maps in memory', async () => ({
  handler: wireHandler(fakeRegistry(), { limits: DEFAULT_WIRE_LIMITS }),
  dispose: async () => {},
}))
