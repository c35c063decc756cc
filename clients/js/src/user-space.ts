/** The user whose data this tab works on, and the part of the storage that belongs to each user. */
export class UserSpace {
  /** The id of the user whose data is open, or is about to be; "" while nobody is signed in. */
  userId = "";
  /** The prefix of the data of all users. */
  readonly root: string;

  constructor(namespace: string) {
    this.root = `${namespace}/u/`;
  }

  prefixOf(userId: string): string {
    return `${this.root}${userId}/`;
  }

  /** The prefix of the open user's data; undefined while nobody is signed in. */
  get prefix(): string | undefined {
    return this.userId ? this.prefixOf(this.userId) : undefined;
  }
}
