# %% [markdown]
# # use_ss2d
# text
# %%
print(1)
