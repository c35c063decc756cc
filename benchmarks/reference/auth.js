// Accounts: argon2id in its thread pool, JSON Web Tokens.
import { Algorithm, hash, verify } from "@node-rs/argon2";
import jwt from "jsonwebtoken";

import { HttpError } from "./errors.js";
import { User } from "./models.js";
import { settings } from "./settings.js";
import { userView } from "./views.js";

const DUPLICATE_KEY = 11000;

export async function register({ email, password, name, avatar }) {
  const hashed = await hash(password, { algorithm: Algorithm.Argon2id, ...settings.argon2 });
  try {
    const user = await User.create({ email, name, avatar, password: hashed });
    return { success: true, token: tokenFor(user), data: userView(user) };
  } catch (error) {
    if (error.code === DUPLICATE_KEY) throw new HttpError(409, "EMAIL_IN_USE", "Email already in use");
    throw error;
  }
}

export async function logIn({ email, password }) {
  const user = await User.findOne({ email: String(email).toLowerCase() }).lean();
  if (!user || !(await verify(user.password, password))) {
    throw new HttpError(401, "INVALID_CREDENTIALS", "Invalid credentials");
  }
  return { success: true, token: tokenFor(user), data: userView(user) };
}

function tokenFor(user) {
  const claims = { sub: String(user._id), name: user.name, email: user.email, avatar: user.avatar };
  return jwt.sign(claims, settings.jwtSecret, { algorithm: "HS256", expiresIn: settings.tokenSeconds });
}

export function identify(token) {
  const { sub, name, avatar } = jwt.verify(token, settings.jwtSecret, { algorithms: ["HS256"] });
  return { _id: sub, name, avatar: avatar ?? null };
}

export function signedIn(request, _response, next) {
  const header = request.headers.authorization ?? "";
  try {
    request.user = identify(header.slice("Bearer ".length));
  } catch {
    throw new HttpError(401, "TOKEN_INVALID", "Invalid or expired token");
  }
  next();
}
