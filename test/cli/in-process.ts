import { type ApiClient, apiClient } from '../../src/api/client.ts'
import { readConfig } from '../../src/config.ts'
import { openOperatorApi } from '../../src/operator-api.ts'

const ORIGIN = 'http://localhost:5000'

/** The API of a registry that no server runs on, opened for each call: between them it is free for commands. */
export function apiInProcess(flags: { readonly data: string; readonly databaseUrl?: string }): ApiClient {
  return {
    async call(endpoint, ...args) {
      await using opened = await openOperatorApi(readConfig({}, flags), { agent: 'test', origin: ORIGIN })
      if (opened === undefined) throw new Error('the data directory is in use')
      return await apiClient({ base: ORIGIN, fetch: opened.fetch }).call(endpoint, ...args)
    },
  }
}
