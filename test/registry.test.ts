import { registrySuite } from './suite/registry.ts'
import { memoryStack, postgresStack, serverStack, sqliteStack } from './suite/stacks.ts'
import { describeNeeding } from './testbed/needs.ts'

registrySuite('memory', memoryStack)
registrySuite('files and SQLite', sqliteStack)
registrySuite('server on SQLite through the client', () => serverStack('sqlite'))
describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  registrySuite('files and PostgreSQL', postgresStack)
  registrySuite('server on PostgreSQL through the client', () => serverStack('postgres'))
})
