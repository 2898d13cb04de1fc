// A real OpenID provider for the tests: node oidc-provider with its own login and consent pages.
// argv[2] is JSON: {port, clients, accounts: {login: claims}, idTokenClaims}. Says {"issuer"} once it listens.
import { Provider } from "oidc-provider";

const { port, clients, accounts, idTokenClaims } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients,
  claims: { openid: ["sub"], profile: ["name", "role", "npi", "preferred_username"] },
  conformIdTokenClaims: !idTokenClaims,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  ttl: { AuthorizationCode: 60, IdToken: 300, Session: 3600, Interaction: 3600, Grant: 3600 },
  async findAccount(_ctx, login) {
    const claims = accounts[login];
    return claims && { accountId: login, claims: async () => ({ sub: login, ...claims }) };
  },
});

provider.listen(port, "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
