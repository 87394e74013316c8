# Log in once; then a list, one of it, what belongs to it, a comment, the account, with a pause after each.
import os
import random
import time

from locust import FastHttpUser, HttpUser

LEAST, MOST = float(os.environ["LEAST"]), float(os.environ["MOST"])


def think():
    time.sleep(random.uniform(LEAST, MOST))


def log_in(user):
    credentials = {"email": "load@example.com", "password": "correct horse battery"}
    logged_in = user.client.post("/login", json=credentials, name="log in").json()
    user.headers = {"authorization": f"Bearer {logged_in['access_token']}"}


def work(user):
    ask, headers = user.client, user.headers
    listed = ask.get("/projects?limit=10", headers=headers, name="list projects").json()
    project = listed["projects"][0]["id"]
    think()
    ask.get(f"/projects/{project}", headers=headers, name="one project")
    think()
    ask.get(f"/projects/{project}/tasks", headers=headers, name="its tasks")
    think()
    comment = {"text": "looks good to me"}
    ask.post(f"/projects/{project}/comments", json=comment, headers=headers, name="comment")
    think()
    ask.get("/me", headers=headers, name="account")
    think()


class Usual(HttpUser):
    on_start = log_in
    tasks = [work]


class Fast(FastHttpUser):
    on_start = log_in
    tasks = [work]
