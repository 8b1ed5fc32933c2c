import { wireHandler } from '../../src/oci/handler.ts'
import { memoryStack, postgresStack, type Stack, sqliteStack } from '../suite/stacks.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { DEFAULT_WIRE_LIMITS } from './limits.ts'
import { wireSuite } from './suite.ts'

function wireOver(make: () => Promise<Stack>) {
  return async () => {
    const stack = await make()
    return {
      handler: wireHandler(stack.registry, { limits: DEFAULT_WIRE_LIMITS }),
      dispose: () => stack.dispose(),
    }
  }
}

wireSuite('memory', wireOver(memoryStack))
wireSuite('files and SQLite', wireOver(sqliteStack))
describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  wireSuite('files and PostgreSQL', wireOver(postgresStack))
})
