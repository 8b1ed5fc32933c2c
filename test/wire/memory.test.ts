import { wireHandler } from '../../src/oci/handler.ts'
import { fakeRegistry } from './fake-registry.ts'
import { DEFAULT_WIRE_LIMITS } from './limits.ts'
import { wireSuite } from './suite.ts'

wireSuite('maps in memory', async () => ({
  handler: wireHandler(fakeRegistry(), { limits: DEFAULT_WIRE_LIMITS }),
  dispose: async () => {},
}))
