import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { accountCases } from './accounts/accounts.ts'
import { credentialCases } from './accounts/credentials.ts'
import { deletionCases } from './accounts/deletion.ts'
import { type AccountsUnderTest, brokenInvariants } from './accounts/fixture.ts'
import { firstAdministratorCases, linkCases } from './accounts/links.ts'
import { memberCases } from './accounts/members.ts'
import { accountRaces } from './accounts/races.ts'
import { teamCases } from './accounts/teams.ts'

/** What every database must do with accounts. */
export function accountSuite(title: string, make: () => Promise<AccountsUnderTest>): void {
  describe(`accounts on ${title}`, () => {
    let made: AccountsUnderTest
    beforeAll(async () => {
      made = await make()
    }, 60_000)
    afterAll(async () => {
      const wrong = await brokenInvariants(made.sql)
      await made.dispose()
      expect(wrong).toEqual([])
    }, 60_000)

    const tested = () => made
    firstAdministratorCases(tested)
    accountCases(tested)
    memberCases(tested)
    teamCases(tested)
    credentialCases(tested)
    linkCases(tested)
    deletionCases(tested)
    accountRaces(tested)
  })
}
