import { onDatabases } from './auth/databases.ts'
import { protectionCases } from './suite/history/protection.ts'
import { repositoryHistoryCases } from './suite/history/repositories.ts'
import { tagHistoryCases } from './suite/history/tags.ts'

onDatabases('history', (replicas) => {
  const here = () => replicas().here
  const there = () => replicas().there
  tagHistoryCases(here, there)
  protectionCases(here, there)
  repositoryHistoryCases(here, there)
})
