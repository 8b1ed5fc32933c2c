import { argon2id, type PasswordHasher } from '../../src/auth/password-hash.ts'

/** The real hasher, counted; it can be held so that checks pile up. */
export class CountingHasher implements PasswordHasher {
  verified = 0
  mostAtOnce = 0
  #running = 0
  #gate: Promise<void> = Promise.resolve()
  #open: () => void = () => {}

  hash(password: string): Promise<string> {
    return argon2id.hash(password)
  }

  async verify(password: string, verifier: string): Promise<boolean> {
    this.verified++
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running)
    try {
      await this.#gate
      return await argon2id.verify(password, verifier)
    } finally {
      this.#running--
    }
  }

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  release(): void {
    this.#open()
  }
}
