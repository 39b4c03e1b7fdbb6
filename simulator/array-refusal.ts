/** What the array itself refuses: status 400 with one error. `context` is the object's name. */
export class ArrayRefusal extends Error {
  override readonly name = "ArrayRefusal";
  readonly context: string | null;

  constructor(
    message: string,
    context: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.context = context;
  }
}
