import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A file of tests and how it wants to be run. */
export interface TestFile {
  readonly path: string
  /** Runs with nothing beside it: it loads both cores or the disk by itself. */
  readonly alone: boolean
  /** Seconds after which the whole file is ended. */
  readonly limit: number
}

const HEAVY = [/^test\/clients\//, /^test\/crash\//, /^test\/slow/]

function describeFile(path: string): TestFile {
  const heavy = HEAVY.some((pattern) => pattern.test(path))
  return { path, alone: heavy, limit: heavy ? 480 : 180 }
}

/** The test files below `test/` whose path contains one of the filters (all without any), heavy ones last. */
export function findTestFiles(root: string, filters: readonly string[]): TestFile[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((path) => `test/${path}`)
    .filter((path) => path.endsWith('.test.ts'))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort()
    .map(describeFile)
    .sort((a, b) => Number(a.alone) - Number(b.alone))
}
