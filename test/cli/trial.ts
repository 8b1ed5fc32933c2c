import { expect } from 'bun:test'
import { type ApiClient, ApiError } from '../../src/api/client.ts'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import type { Route } from '../../src/api/contract/route.ts'
import { rejection } from '../suite/metadata/fixture.ts'
import type { Person } from './command.ts'

export const PASSWORD = 'correct horse battery'

/** A registry with the user `admin`, and an image in `admin/hello` under the tags `one`, `two` and `three`. */
export interface Subject extends AsyncDisposable {
  /** Whose commands reach the registry as its operator. */
  readonly who: Person
  /** What the API says beside the commands. */
  readonly api: ApiClient
  readonly digest: string
}

/** Tries commands on a subject, which is there once the tests run. */
export class Trial {
  readonly #subject: () => Subject

  constructor(subject: () => Subject) {
    this.#subject = subject
  }

  get who(): Person {
    return this.#subject().who
  }
  get api(): ApiClient {
    return this.#subject().api
  }
  get digest(): string {
    return this.#subject().digest
  }

  /** What a command prints as JSON, which is what the contract says of an endpoint. */
  readonly like = async (endpoint: Endpoint, args: readonly string[], input?: string) => {
    const result = await this.who.json(args, input === undefined ? {} : { input })
    ;(CONTRACT[endpoint] as Route).result?.parse(result)
    return result
  }

  /** A command that says what it did on standard error, and nothing on standard output. */
  readonly does = async (args: readonly string[], remark: string, input?: string) => {
    const { code, stdout, stderr } = await this.who.berth(args, input === undefined ? {} : { input })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: `${remark}\n` })
  }

  /** What is asked for is not there. */
  readonly gone = async (asking: Promise<unknown>) => {
    const error = await rejection(asking)
    expect(error).toBeInstanceOf(ApiError)
    expect((error as ApiError).status).toBe(404)
  }
}
