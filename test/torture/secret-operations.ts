import {
  type Answer,
  askWithin,
  change,
  jsonOf,
  type Span,
  unexpected,
  type World,
} from "./world.ts";

/** A robot has no more than one in use and one to take its place. */
const secretsMax = 2;
/** Of those that were told last: what is good, and what was just revoked. */
const secretsTried = 3;
/** Answers are kept for a day for whoever sends a request again. */
const repeatedMsMax = 20 * 60 * 60 * 1000;

const [spare, kept] = ["spare", "kept"].map((robot) => `/api/v1/robots/${robot}`) as [
  string,
  string,
];
const empty = { "content-type": "application/json" };

/** Twice at the same time. */
export async function rotateSecrets(world: World): Promise<void> {
  const rotate = () => askWithin(world, null, "POST", `${spare}/secrets`, withHeaders(empty));
  for (const { answer, span } of await Promise.all([rotate(), rotate()])) {
    if (answer.status === 201) learn(world, answer, span);
    else if (answer.status !== 409) unexpected(world, "rotating a secret", answer);
  }
  const secrets = await listSecrets(world, spare);
  if (secrets.length > secretsMax) world.violation(`a robot has ${secrets.length} secrets`);
  await revokeAllButOne(world, spare, secrets);
  for (const id of [...world.model.secrets.keys()].slice(-secretsTried)) {
    await trySecret(world, id);
  }
}

function learn({ model }: World, answer: Answer, { from, to }: Span): void {
  const { id, secret } = jsonOf<{ id: string; secret: string }>(answer);
  model.secrets.set(id, secret);
  model.begin([[model.secret(id), true]], from).done(to);
}

/** Whoever has a secret gets in as long as it is good, and not after it was revoked. */
async function trySecret(world: World, id: string): Promise<void> {
  const secret = world.model.secrets.get(id) ?? "";
  const by = { robot: "spare", secret };
  const { answer, span } = await askWithin(world, by, "GET", "/v2/");
  const isIn = answer.status === 200;
  if (!isIn && answer.status !== 401) unexpected(world, "signing in with a secret", answer);
  else if (!world.model.secret(id).allows(isIn, span.from, span.to))
    world.violation(`a secret that ${isIn ? "was revoked is taken" : "is good is refused"}: ${id}`);
}

/** What is sent again with its key, since its answer was lost, is done once. */
export async function repeatRotation(world: World): Promise<void> {
  const { model } = world;
  if (model.isRepeating) return;
  model.isRepeating = true;
  try {
    await repeat(world);
  } finally {
    model.isRepeating = false;
  }
}

async function repeat(world: World): Promise<void> {
  const { model, target } = world;
  const { repetition } = model;
  if (repetition === null || target.now() - repetition.firstAt >= repeatedMsMax) {
    model.repetition = null;
    await revokeAllButOne(world, kept, await listSecrets(world, kept));
    model.repetition = { key: `rotation-${model.tick()}`, firstAt: target.now() };
  }
  const headers = { ...empty, "idempotency-key": model.repetition?.key ?? "" };
  const asked = await askWithin(world, null, "POST", `${kept}/secrets`, withHeaders(headers));
  model.repetition = null;
  if (asked.answer.status !== 201) {
    unexpected(world, "a rotation that was asked for once", asked.answer);
    return;
  }
  const { id } = jsonOf<{ id: string }>(asked.answer);
  const secrets = await listSecrets(world, kept);
  if (secrets.length !== secretsMax || !secrets.includes(id))
    world.violation(`after one rotation to ${id} there are ${secrets.join(", ")}`);
}

function withHeaders(headers: Readonly<Record<string, string>>) {
  return { headers, body: "{}" };
}

async function listSecrets(world: World, robot: string): Promise<string[]> {
  const { answer } = await askWithin(world, null, "GET", robot);
  if (answer.status !== 200) {
    unexpected(world, "the secrets of a robot", answer);
    return [];
  }
  return secretsOf(answer);
}

function secretsOf(answer: Answer): string[] {
  return jsonOf<{ secrets: { id: string }[] }>(answer).secrets.map(({ id }) => id);
}

async function revokeAllButOne(
  world: World,
  robot: string,
  secrets: readonly string[],
): Promise<void> {
  for (const id of secrets.slice(1)) {
    const begun = world.model.begin([[world.model.secret(id), false]]);
    const path = `${robot}/secrets/${id}`;
    const { answer, done } = await change(world, begun, [204, 404], null, "DELETE", path);
    if (!done) unexpected(world, "revoking a secret", answer);
  }
}
