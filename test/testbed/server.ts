import type { Daemon } from './daemon.ts'

/** One line of a server's access log. */
export interface LoggedRequest {
  readonly method: string
  /** With its query, where the server logs it. */
  readonly path: string
  readonly status: number
}

/** A registry that runs in a process of its own. */
export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as it stands in image names. */
  readonly host: string
  /** Its address, without a slash at the end. */
  readonly url: string
  readonly daemon: Daemon
  /** Every request answered so far, in the order of its access log. */
  requests(): Promise<readonly LoggedRequest[]>
}
