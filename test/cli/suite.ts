import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { LEAVES } from './leaves.ts'
import { collectionCommands } from './suite-collection.ts'
import { contentCommands } from './suite-content.ts'
import { credentialCommands } from './suite-credentials.ts'
import { historyCommands } from './suite-history.ts'
import { peopleCommands } from './suite-people.ts'
import { type Subject, Trial } from './trial.ts'

// Each test runs some twenty commands, and each command is a process.
setDefaultTimeout(120_000)

/** What another test file is about, or who is no operator; a browser’s session takes a browser. */
const ELSEWHERE = new Set(['login', 'logout', 'user end-session', 'repo star', 'repo unstar'])

/** Runs every command at least once, and asks the API what came of it. */
export function commandSuite(title: string, make: () => Promise<Subject>): void {
  describe(title, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await make()
    })
    afterAll(() => subject[Symbol.asyncDispose]())

    const trial = new Trial(() => subject)
    // Each goes on with what those before it made.
    peopleCommands(trial)
    credentialCommands(trial)
    historyCommands(trial)
    contentCommands(trial)
    collectionCommands(trial)

    test('what a robot was takes part in nothing any more', async () => {
      await trial.does(['robot', 'remove', 'acme+ci'], 'removed the robot acme+ci')
      await trial.gone(
        trial.api.call('GET /namespaces/{namespace}/robots/{robot}', {
          path: { namespace: 'acme', robot: 'ci' },
        }),
      )
    })

    test('no command was left out', () => {
      const missing = [...LEAVES]
        .filter(([words]) => !ELSEWHERE.has(words.join(' ')))
        .filter(([[group, word], command]) => {
          const names = [word, ...command.aliases()]
          return !trial.who.ran.some(
            (args) => args[0] === group && (word === undefined || names.includes(args[1])),
          )
        })
      expect(missing.map(([words]) => words.join(' '))).toEqual([])
    })
  })
}
