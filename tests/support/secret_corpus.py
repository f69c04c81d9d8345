"""Random secrets of the kinds that gitleaks and detect-secrets know, in frames as agents send them.

Written from the vendors' descriptions of their tokens, not from our rules; the alphabets are l(ower case and
digits), h(ex), A(ll letters and digits), W(ord characters and dashes), U(pper case and digits), d(igits), b(ase64).
"""

from __future__ import annotations

# ruff: noqa: E501, S311, SIM905 - tables; a fixed seed is wanted; a sentence
import json
import random
import re
import string
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALPHABETS: Final = {
    "l": string.ascii_lowercase + string.digits,
    "h": "0123456789abcdef",
    "A": string.ascii_letters + string.digits,
    "W": string.ascii_letters + string.digits + "_-",
    "U": string.ascii_uppercase + string.digits,
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "L": string.ascii_letters,
}
TYPED: Final = """
1password A3-{U6}-{U6}-{U5}-{U5}-{U5}-{U5}|age AGE-SECRET-KEY-1{U58}|adobe p8e-{l32}|aiven AVNS_{W18}|airtable pat{A14}.{h64}
alibaba LTAI{A20}|anthropic sk-ant-api03-{W93}AA|anthropic-admin sk-ant-admin01-{W93}AA|artifactory AKCp{A69}|artifactory-ref cmVmd{A59}
asana 1/{d16}:{h32}|atlassian ATATT3{W186}|authress sc_{l10}.{l5}.acc_{l12}.{l40}|aws AKIA{U16}|aws-sts ASIA{U16}|azure-ad abc8Q~{W34}
bitbucket-app ATBB{A28}|clickhouse 4b1d{A38}|clojars CLOJARS_{l60}|cloudflare-ca v1.0-{h24}-{h146}|databricks dapi{h32}
digitalocean dop_v1_{h64}|digitalocean-oauth doo_v1_{h64}|discord-bot M{A23}.{W6}.{W27}|docker dckr_pat_{W27}|doppler dp.pt.{A43}
duffel duffel_live_{W43}|dynatrace dt0c01.{U24}.{U64}|easypost EZAK{A54}|facebook-page EAAM{A110}|flutterwave FLWSECK_TEST-{h32}-X
flyio fo1_{W43}|frameio fio-u-{W64}|github ghp_{A36}|github-oauth gho_{A36}|github-app ghs_{A36}|github-refresh ghr_{A36}
github-fine github_pat_{A22}_{A59}|gitlab glpat-{W20}|gitlab-routable glpat-{W27}.01{l7}|gitlab-ci glcbt-64_{W20}|gitlab-deploy gldt-{W20}
gitlab-feature glffct-{W20}|gitlab-feed glft-{W20}|gitlab-mail glimt-{W25}|gitlab-agent glagent-{W50}|gitlab-oauth gloas-{W64}
gitlab-trigger glptt-{h40}|gitlab-runner glrt-{W20}|gitlab-reg GR1348941{W20}|gitlab-scim glsoat-{W20}|gitlab-cookie _gitlab_session={h32}
google AIza{W35}|google-oauth GOCSPX-{W28}|google-access ya29.{W60}|grafana eyJrIjoi{A80}|grafana-cloud glc_{b60}|grafana-sa glsa_{A32}_{h8}
groq gsk_{A52}|harness pat.{A22}.{A24}.{A20}|terraform {A14}.atlasv1.{W64}|heroku HRKU-AA{W58}|huggingface hf_{L34}|huggingface-org api_org_{L34}
hubspot pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}|infracost ico-{A32}|intra42 s-s4t2ud-{h64}|jwt eyJ{A30}.eyJ{A60}.{W43}|linear lin_api_{A40}
langsmith lsv2_pt_{h32}_{h10}|mailchimp {h32}-us12|mailgun key-{h32}|maxmind {A6}_{A29}_mmk|newrelic NRAK-{U27}|newrelic-insert NRII-{A32}
notion ntn_{d11}{A35}|npm npm_{A36}|nuget oy2{l43}|octopus API-{U26}|openai sk-{A20}T3BlbkFJ{A20}|openai-proj sk-proj-{W74}T3BlbkFJ{W74}
openshift sha256~{W43}|perplexity pplx-{A48}|plaid access-sandbox-{h8}-{h4}-{h4}-{h4}-{h12}|planetscale pscale_tkn_{W43}|postman PMAK-{h24}-{h34}
prefect pnu_{A36}|pulumi pul-{h40}|pypi pypi-AgEIcHlwaS5vcmc{W70}|readme rdme_{l70}|replicate r8_{A37}|rubygems rubygems_{h48}|scalingo tk-us-{W48}
sendgrid SG.{W22}.{W43}|sendinblue xkeysib-{h64}-{A16}|sentry-org sntrys_eyJpYXQiO{b60}_{b43}|sentry-user sntryu_{h64}|settlemint sm_pat_{A16}
shippo shippo_live_{h40}|shopify shpat_{h32}|shopify-secret shpss_{h32}|slack xoxb-{d12}-{d12}-{A24}|slack-user xoxp-{d12}-{d12}-{d12}-{h32}
slack-app xapp-1-{U11}-{d13}-{h64}|slack-config xoxe.xoxp-1-{U163}|slack-hook https://hooks.slack.com/services/T{U8}/B{U8}/{A24}
discord-hook https://discord.com/api/webhooks/{d18}/{W68}|sourcegraph sgp_{h16}_{h40}|square sq0atp-{W22}|square-2 EAAA{W60}|stripe sk_live_{A24}
stripe-restricted rk_live_{A99}|supabase sbp_{h40}|tailscale tskey-auth-{A17}-{A32}|telegram {d10}:A{W34}|twilio SK{h32}|typeform tfp_{A44}_{A14}
vault hvs.{W95}|vault-batch hvb.{W140}|vault-old s.{A24}|webhook-secret whsec_{b32}|xai xai-{A80}|yandex t1.{W20}.{W86}
teams https://x.webhook.office.com/webhookb2/{h8}-{h4}-{h4}-{h4}-{h12}@{h8}-{h4}-{h4}-{h4}-{h12}/IncomingWebhook/{h32}/{h8}-{h4}-{h4}-{h4}-{h12}
braintree access_token$production${l16}${h32}|mapbox pk.eyJ{A60}.{A22}|jwt-base64 ZXlKaGJHY2lPaU{b80}|braze-none sk-{A48}
"""
"""Kinds that show by their form, in any place: name and form, apart by `|` or by lines."""
NAMED: Final = """
adafruit_api_key {l32}|ADOBE_CLIENT_ID {h32}|airtable.key {l17}|ALGOLIA_KEY {l32}|alibaba_secret {l30}|asana_client_id {d16}|ASANA_CLIENT_SECRET {l32}
jira_api {l24}|AWS_SECRET_ACCESS_KEY {b40}|beamer_key b_{W44}|bitbucketClientId {l32}|bittrex_access_key {l32}|MERAKI_DASHBOARD_API_KEY {h40}
cloudflare_api_key {W40}|CLOUDFLARE_GLOBAL {h37}|codecov {l32}|CO_API_KEY {A40}|coinbase_key {l64}|confluent_key {l16}|contentful_delivery {W43}
DATADOG_APP_KEY {l40}|DD_API_KEY {h32}|discord_client_secret {W32}|DISCORD_ID {d18}|droneci_token {l32}|dropbox {l15}|ETSY_KEY {l24}|facebook_app {h32}
FASTLY_KEY {W32}|finicity_key {h32}|finnhub {l20}|flickr_key {l32}|freshbooks {l64}|gitter {W40}|heroku_api_key {h8}-{h4}-{h4}-{h4}-{h12}
hubspot_key {h8}-{h4}-{h4}-{h4}-{h12}|intercom_token {W60}|jfrog_api_key {l73}|KRAKEN_SECRET {b86}|kucoin_key {h24}|launchdarkly {W40}
linear_client_secret {h32}|linkedin_secret {l16}|lob_api_key test_{h35}|mailgun_signing {h32}-{h8}-{h8}|mattermost_token {l26}|messagebird {l25}
netlify_token {W43}|nytimes_key {W32}|okta_token 00{W40}|plaid_secret {l30}|plaid_client_id {h24}|privateai_key {l32}|rapidapi-key {W50}|sendbird_token {h40}
SENTRY_AUTH_TOKEN {h64}|SNYK_TOKEN {h8}-{h4}-{h4}-{h4}-{h12}|sonar_login {l40}|squarespace_key {h8}-{h4}-{h4}-{h4}-{h12}|sumo_access_key {A64}
travis_token {A22}|twitch_secret {l30}|twitter_api_key {A25}|twitter_secret {A50}|TWITTER_ACCESS {d19}-{A40}|yandex_key AQVN{W38}|zendesk_secret {l40}
softlayer_api_key {l64}|cloudant_password {l64}|ibm_cloud_api_key {W44}|box_client_secret {A32}|db_password {A16}|PGPASSWORD {W20}|dbpass {A14}
consumer_secret {A40}|encryption_key {b44}|session_secret {h64}|auth {b40}|private-token {W20}|authkey {A32}|my_pwd {A12}|jwtSecret {A32}|masterKey {A32}
"""
"""Kinds that show by the name they are assigned to."""
LINES: Final = (
    'export {name}="{secret}"',
    "{name}={secret}",
    "{name}: {secret}",
    "  {name}: '{secret}'",
    '{name} = "{secret}"',
    'const {name} = "{secret}";',
    '"{name}": "{secret}",',
    "ERROR 2026-11-24 config {name}={secret} rejected",
    'os.environ["{name}"] = "{secret}"',
    "docker run -e {name}={secret} app:1",
    'setenv("{name}", "{secret}", 1);',
    "https://x.example/?page=1&{name}={secret}",
    '\\"{name}\\": \\"{secret}\\"',
    "{name} := `{secret}`",
    "<{name}>{secret}</{name}>",
)
PLACES: Final = (
    "{secret}",
    "use {secret} for the call",
    "curl -H 'X-Key: {secret}' https://x.example",
    "line one\n{secret}\nline three",
    "(see {secret}).",
    'fetch("/x", "{secret}")',
    "Traceback:\n  File a.py, line 3\nValueError: bad key '{secret}'",
    "- {secret}",
    "a,{secret},b",
)
SHAPED: Final = (
    ("connection string", "postgresql://app:{secret}@db.example:5432/app", "{A16}"),
    ("connection string", "mongodb+srv://root:{secret}@c0.example.net/?w=1", "{W20}"),
    ("connection string", "Server=tcp:x.example;User ID=sa;Password={secret};Encrypt=true", "{A16}"),
    ("connection string", "AccountName=x;AccountKey={secret}==;EndpointSuffix=y", "{b86}"),
    ("curl", "curl -u ann:{secret} https://x.example", "{A12}"),
    ("curl", 'curl -s --user "ann:{secret}" https://x.example', "{A12}"),
    ("curl", "curl -H 'Authorization: Bearer {secret}' https://x.example", "{W40}"),
    ("curl", 'curl -H "Authorization: token {secret}" https://x.example', "{h40}"),
    ("header", "X-Api-Key: {secret}", "{A32}"),
    ("header", "Cookie: sid={secret}; theme=dark", "{A32}"),
    ("header", "Authorization: Basic {secret}", "{b24}"),
    ("flag", "deploy --token {secret} --region eu", "{A20}"),
    ("flag", "sshpass -p {secret} ssh ann@host", "{A12}"),
    ("flag", "docker login -u ann -p {secret} registry.example", "{A16}"),
    ("npmrc", "//registry.example/:_authToken={secret}", "{h8}-{h4}-{h4}-{h4}-{h12}"),
    ("npmrc", "//registry.example/:_auth={secret}", "{b40}"),
    ("netrc", "machine api.example login ann password {secret}", "{A16}"),
    ("netrc", "machine api.example\n  login ann\n  password {secret}\n", "{L12}"),
    ("pgpass", "db.example:5432:app:ann:{secret}", "{A16}"),
    ("docker config", '{"auths":{"registry.example":{"auth":"{secret}"}}}', "{b40}"),
    ("kubeconfig", "    token: {secret}\n", "{A40}"),
    ("kubeconfig", "    client-key-data: {secret}\n", "LS0tLS1CRUdJTi{b200}"),
    ("prose", "The password is {secret}, keep it.", "{A6}7{L4}"),
    ("prose", "my api key is {secret}", "{A6}7{A20}"),
    ("url", "https://s.example/o?X-Amz-Credential=a&X-Amz-Signature={secret}", "{h64}"),
    ("url", "https://b.example/c?sv=2022&sig={secret}%3D", "{A43}"),
    ("url", "https://{secret}@github.com/x/y.git", "{A40}"),
    ("xml", '<add key="Password" value="{secret}" />', "{A12}"),
    ("python", 'password: str = "{secret}"', "{A12}"),
    ("yaml", "password: |\n  {secret}\n", "{A16}"),
    ("yaml", "password: {secret}\n", "{A10}9"),
    (
        "private key",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----",
        "{b70}\n{b70}",
    ),
    ("private key", "KEY=-----BEGIN PRIVATE KEY-----\\n{secret}\\n-----END PRIVATE KEY-----\\n", "{b64}"),
    (
        "private key",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{secret}\n-----END PGP PRIVATE KEY BLOCK-----",
        "{b64}\n{b64}",
    ),
    ("image", "data:image/png;base64,{secret}", "iVBORw0KGgo{b300}"),
)
"""Secrets known by what stands around them: kind, text, form."""


class Sample(NamedTuple):
    """A secret in a frame's JSON text."""

    kind: str
    secret: str
    frame: str


def samples(seed: int, of_each: int) -> Iterator[Sample]:
    """Give `of_each` secrets of every kind, each in a place and a frame chosen at random."""
    chance = random.Random(seed)
    for _ in range(of_each):
        for kind, form in _kinds(TYPED):
            secret = _fill(form, chance)
            yield Sample(f"typed {kind}", secret, _frame(_put(chance.choice(PLACES), secret), chance))
        for name, form in _kinds(NAMED):
            secret = _fill(form, chance)
            line = _put(chance.choice(LINES).replace("{name}", name), secret)
            yield Sample(f"named {name}", secret, _frame(line, chance))
        for kind, text, form in SHAPED:
            secret = _fill(form, chance)
            yield Sample(f"shaped {kind}", secret, _frame(_put(text, secret), chance))


def survives(sample: Sample, stored: str) -> bool:
    """Tell whether any line of the secret can still be read in what is stored."""
    return any(json.dumps(part)[1:-1] in stored for part in sample.secret.split("\n"))


def _kinds(table: str) -> list[tuple[str, str]]:
    return [tuple(entry.split(" ", 1)) for entry in re.split(r"[|\n]", table.strip())]  # type: ignore[misc]


def _fill(form: str, chance: random.Random) -> str:
    def some(found: re.Match[str]) -> str:
        return "".join(chance.choices(_ALPHABETS[found[1]], k=int(found[2])))

    return re.sub(r"\{([lhAWUdbL])([0-9]+)\}", some, form)


def _put(text: str, secret: str) -> str:
    return text.replace("{secret}", secret)


def _frame(text: str, chance: random.Random) -> str:
    """Put a text where agents and callers write freely, in the spellings of several encoders."""
    inner = json.dumps({"log": text}) if chance.random() < 0.15 else text
    block = {"type": "text", "text": inner}
    shapes = (
        {
            "method": "session/update",
            "params": {
                "sessionId": "s",
                "update": {"sessionUpdate": "agent_message_chunk", "content": block},
            },
        },
        {"id": 7, "method": "session/prompt", "params": {"sessionId": "s", "prompt": [block]}},
        {"id": 7, "error": {"code": -32000, "message": inner}},
        {"method": "_vendor/log", "params": {"lines": ["ok", inner]}},
        {"id": 7, "result": {"stopReason": "end_turn", "_meta": {"note": inner}}},
    )
    spaced = chance.random() < 0.5
    return json.dumps(
        {"jsonrpc": "2.0", **chance.choice(shapes)},
        ensure_ascii=chance.random() < 0.5,
        separators=(", ", ": ") if spaced else (",", ":"),
    )


_WORDS: Final = (
    "the agent reads a file and tells what the session token limit is before it passes the key to access control "
    "a secret garden of cookies and passwords basic tokens authorize authors monkey keyboard passing bypass"
).split()


def plain(seed: int, count: int) -> Iterator[str]:
    """Give frames of plain traffic: prose, code, hashes, ids, logs, usage, paths."""
    chance = random.Random(seed)
    for _ in range(count):
        sha, uuid = _fill("{h40}", chance), _fill("{h8}-{h4}-4{h3}-a{h3}-{h12}", chance)
        text = chance.choice(
            (
                " ".join(chance.choices(_WORDS, k=12)) + ".",
                f"commit {sha}\nAuthor: Ann <ann@example.org>\nDate: Tue Nov 24 19:00:00 2026",
                f"sha256:{_fill('{h64}', chance)} image app@sha256:{_fill('{h64}', chance)}",
                f"session {uuid} opened; request id={_fill('{h16}', chance)} trace_id={_fill('{h32}', chance)}",
                f"usage: inputTokens={chance.randrange(9999)}, max_tokens: 4096, tokens: {chance.randrange(999)}",
                "def login(user: str, password: str, token: str | None = None) -> Token:",
                "    token = await self.tokens.get(request.headers['Authorization'])",
                "if (user.password !== hash(password)) { throw new AuthError(secret.name) }",
                "interface Config { apiKey: string; secretName: string; accessToken?: string }",
                "const key = await crypto.subtle.importKey(format, keyData, algorithm, true, usages);",
                "export GITHUB_TOKEN=$(gh auth token) && deploy --token $GITHUB_TOKEN",
                "password: ${{ secrets.DB_PASSWORD }}\nsecretName: app-tls\nkeyName: main",
                f"GET /api/v1/keys/{chance.randrange(999)}?page=2&sort=key HTTP/1.1 200 {chance.randrange(9999)}",
                "  File \"/usr/lib/python3.11/json/decoder.py\", line 355, in raw_decode\nKeyError: 'token'",
                f"index {_fill('{h7}', chance)}..{_fill('{h7}', chance)} 100644\n--- a/app/access.py\n+++ b/app/access.py",
                f'"integrity": "sha512-{_fill("{b86}", chance)}=="',
                "ssh://git@github.com/x/y.git and https://example.org/a/b?page=2#token",
                "docker run -u 1000:1000 -p 8080:80 -w /app -e KEY=value app:1.2",
                "| key | value |\n|---|---|\n| primary_key | id |\n| cache_key | user:42 |",
                "for key, value in headers.items(): auth = auth or key.lower() == 'authorization'",
            )
        )
        yield _frame(text, chance)
