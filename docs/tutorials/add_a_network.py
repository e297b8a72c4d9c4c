# %% [markdown]
# # add_a_network
# text
# %%
print(1)
